// The chart's axis counts seconds of New York's wall clock.

import type { Time, UTCTimestamp } from "lightweight-charts";
import { shifted, unshifted } from "../core/eastern";

export function slot(ms: number): UTCTimestamp {
  return (shifted(ms) / 1000) as UTCTimestamp;
}

export function unslot(time: Time): number {
  return unshifted((time as number) * 1000);
}
