// In which session of its exchange a slot of a chart lies. The store's word of a bar goes first, for it knows half days and
// holidays; New York's clock speaks for the bar that is counted here and for time in which nothing was traded.

import { STEPS, type Bar, type Interval } from "./bars";
import { session } from "./eastern";

export type Shade = "pre" | "post" | "closed";
/** From the opening of the first slot to that of the last. */
export type SessionSpan = { from: number; to: number; shade: Shade };

export const SHADES: Record<Shade, string> = { pre: "pre-market", post: "after hours", closed: "closed" };

/** Whether the instrument has sessions at all: of one that trades around the clock, no bar lies in any. */
export function hasSessions(bars: readonly Bar[]): boolean {
  return bars.some((bar) => bar.session !== "");
}

function byClock(ms: number): string {
  const word = session(ms);
  return word === "after" ? "post" : word;
}

/** The session of a slot without the store's word; of one that lies in two, `mixed`. */
function ofSlot(t: number, step: number): string {
  const first = byClock(t);
  return first === byClock(t + step - 1) ? first : "mixed";
}

/** The session of a bar, where its instrument has any. */
export function sessionOf(bar: Bar, interval: Interval): string {
  return bar.session || ofSlot(bar.t, STEPS[interval] * 1000);
}

/** The spans outside of regular hours, in order; none of days, and none of what trades around the clock. */
export function sessionSpans(bars: readonly Bar[], interval: Interval, most = 20_000): SessionSpan[] {
  const step = STEPS[interval] * 1000;
  const found: SessionSpan[] = [];
  if (interval === "1d" || !hasSessions(bars)) return found;
  const put = (t: number, word: string): void => {
    const last = found.at(-1);
    if (!(word in SHADES)) return;
    if (last && last.shade === word && last.to === t - step) last.to = t;
    else found.push({ from: t, to: t, shade: word as Shade });
  };
  let slots = 0;
  bars.forEach((bar, at) => {
    for (let t = (bars[at - 1]?.t ?? bar.t) + step; t < bar.t && slots < most; t += step, slots++) put(t, ofSlot(t, step));
    put(bar.t, sessionOf(bar, interval));
  });
  return found;
}
