// What is being measured: a box from one place to the other, and what it says beside its end.

import { Layer, type Pen } from "./layer";

export type Box = { from: number; to: number; low: number; high: number; text: string };
export type BoxLook = { line: string; wash: string; ground: string; text: string; font: string };

export class MeasureBox extends Layer {
  private box: Box | null = null;
  private look: BoxLook = { line: "", wash: "", ground: "", text: "", font: "" };

  constructor() {
    super("top");
  }

  /** `from` and `low` are where it began, `to` and `high` where it ends, whichever is larger. */
  set(box: Box | null, look: BoxLook): void {
    this.box = box;
    this.look = look;
    this.changed();
  }

  protected paint(pen: Pen, paneWidth: number, height: number): void {
    if (!this.box) return;
    const x0 = this.x(this.box.from), x1 = this.x(this.box.to), y0 = this.y(this.box.low), y1 = this.y(this.box.high);
    if (x0 === null || x1 === null || y0 === null || y1 === null) return;
    pen.save();
    pen.fillStyle = this.look.wash;
    pen.strokeStyle = this.look.line;
    pen.fillRect(x0, y0, x1 - x0, y1 - y0);
    pen.strokeRect(Math.min(x0, x1) + 0.5, Math.min(y0, y1) + 0.5, Math.abs(x1 - x0), Math.abs(y1 - y0));
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
    pen.font = `12px ${this.look.font}`;
    const width = pen.measureText(this.box.text).width + 16;
    const left = Math.max(4, Math.min(paneWidth - width - 4, (x0 + x1 - width) / 2));
    const top = Math.max(4, Math.min(height - 26, y1 < y0 ? y1 - 28 : y1 + 6));
    pen.fillStyle = this.look.ground;
    pen.fillRect(left, top, width, 22);
    pen.strokeRect(left + 0.5, top + 0.5, width - 1, 21);
    pen.fillStyle = this.look.text;
    pen.textBaseline = "middle";
    pen.fillText(this.box.text, left + 8, top + 11.5);
    pen.restore();
  }
}
