// Gaps on a price chart: hatched spans behind the bars, with their reason. No line is ever drawn through one.

import { Layer, type Pen } from "./layer";

/** In the chart's own (shifted) seconds. */
export type Hatched = { from: number; to: number };

export class Hatch extends Layer {
  private spans: Hatched[] = [];
  private colour = "#ffc857";
  private step = 60;

  constructor() {
    super("bottom");
  }

  set(spans: Hatched[], step: number, colour: string): void {
    this.spans = spans;
    this.step = step;
    this.colour = colour;
    this.changed();
  }

  private slot(seconds: number): number | null {
    return this.x(Math.floor(seconds / this.step) * this.step);
  }

  protected paint(pen: Pen, paneWidth: number, height: number): void {
    for (const span of this.spans) {
      const from = this.slot(span.from), to = this.slot(span.to);
      if (from === null && to === null) continue;
      const left = (from ?? 0) - this.spacing / 2, width = Math.max(3, (to ?? paneWidth) - left + this.spacing / 2);
      pen.save();
      pen.beginPath();
      pen.rect(left, 0, width, height);
      pen.clip();
      pen.fillStyle = this.colour;
      pen.globalAlpha = 0.08;
      pen.fillRect(left, 0, width, height);
      pen.globalAlpha = 0.5;
      pen.strokeStyle = this.colour;
      pen.lineWidth = 1;
      pen.beginPath();
      for (let x = left - height; x < left + width; x += 9) {
        pen.moveTo(x, height);
        pen.lineTo(x + height, 0);
      }
      pen.stroke();
      pen.restore();
    }
  }
}
