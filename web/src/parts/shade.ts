// The hours outside of the regular session, behind everything: a wash, and its name where there is room for it.

import { SHADES, type Shade } from "../core/sessions";
import { Layer, type Pen } from "./layer";

/** In the chart's own (shifted) seconds. */
export type Shaded = { from: number; to: number; shade: Shade };
export type ShadeLook = { wash: string; closed: string; text: string; font: string };

export class SessionShade extends Layer {
  private spans: Shaded[] = [];
  private look: ShadeLook = { wash: "", closed: "", text: "", font: "" };

  constructor() {
    super("bottom");
  }

  dress(look: ShadeLook): void {
    this.look = look;
    this.changed();
  }

  set(spans: Shaded[]): void {
    this.spans = spans;
    this.changed();
  }

  protected paint(pen: Pen, paneWidth: number, height: number): void {
    const { wash, closed, text, font } = this.look;
    pen.save();
    pen.font = `10.5px ${font}`;
    for (const { from, to, shade } of this.spans) {
      const first = this.x(from), last = this.x(to);
      if (first === null || last === null) continue;
      const left = Math.max(0, first - this.spacing / 2), width = Math.min(paneWidth, last + this.spacing / 2) - left;
      if (width <= 0) continue;
      pen.fillStyle = shade === "closed" ? closed : wash;
      pen.fillRect(left, 0, width, height);
      pen.fillStyle = text;
      if (pen.measureText(SHADES[shade]).width + 12 < width) pen.fillText(SHADES[shade], left + 6, height - 8);
    }
    pen.restore();
  }
}
