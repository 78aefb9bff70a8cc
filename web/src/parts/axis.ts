// The chart's axis counts seconds of New York's wall clock, and days by their date: one of UTC has that of UTC.

import type { Time, UTCTimestamp } from "lightweight-charts";
import { dateOf, isUtcDay, opening, type Interval } from "../core/bars";
import { shifted, unshifted } from "../core/eastern";

/** Where the bar that opens at `ms` stands. */
export function slot(ms: number, interval: Interval): UTCTimestamp {
  return ((interval === "1d" ? dateOf(ms) : shifted(ms)) / 1000) as UTCTimestamp;
}

/** When the bar in that place opens. A day opens as the one that opens `beside` it. */
export function unslot(time: Time, interval: Interval, beside: number): number {
  const ms = (time as number) * 1000;
  return interval === "1d" && isUtcDay(beside) ? ms : unshifted(ms);
}

/** The place of the bar that a moment is in, whether there is one or not. */
export function slotOf(ms: number, interval: Interval, beside: number): UTCTimestamp {
  return slot(opening(ms, interval, beside), interval);
}
