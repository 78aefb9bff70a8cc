// Two instruments on one axis: both in percent since the first moment at which both had a price.

import type { Bar } from "./bars";

export type Point = { t: number; value: number };
export type Comparison = {
  /** The opening from which both are counted. */
  since: number;
  /** Ours at that moment: 0 % on the axis of the other one. */
  base: number;
  /** The other one, in percent. */
  points: Point[];
};

/** The bar that is the newest at `t`; bars are in order. */
export function known(bars: readonly Bar[], t: number): Bar | undefined {
  let low = 0, high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle]!.t <= t) low = middle + 1;
    else high = middle;
  }
  return bars[low - 1];
}

export function percentOf(price: number, base: number): number {
  return 100 * (price / base - 1);
}

/** Null where one of them has no bar, or a price that nothing can be a percentage of. */
export function compared(ours: readonly Bar[], others: readonly Bar[]): Comparison | null {
  if (!ours.length || !others.length) return null;
  const since = Math.max(ours[0]!.t, others[0]!.t);
  const base = known(ours, since)!.close, first = known(others, since)!.close;
  if (!(base > 0) || !(first > 0)) return null;
  const points = others.filter((bar) => bar.t >= since).map((bar) => ({ t: bar.t, value: percentOf(bar.close, first) }));
  return { since, base, points };
}

/** What both stand at, in percent, at the bar that is pointed at. */
export function standing(found: Comparison, ours: readonly Bar[], t: number): { ours: number; other: number } {
  const own = known(ours, t), other = found.points.filter((point) => point.t <= t).at(-1);
  return { ours: own && t >= found.since ? percentOf(own.close, found.base) : NaN, other: other?.value ?? NaN };
}

/** The lowest and the highest percentage between two openings: both axes are given this one, so that the lines can be compared. */
export function span(found: Comparison, ours: readonly Bar[], from: number, to: number): [low: number, high: number] | null {
  let low = Infinity, high = -Infinity;
  for (const bar of ours) if (bar.t >= from && bar.t <= to) (low = Math.min(low, percentOf(bar.low, found.base))), (high = Math.max(high, percentOf(bar.high, found.base)));
  for (const point of found.points) if (point.t >= from && point.t <= to) (low = Math.min(low, point.value)), (high = Math.max(high, point.value));
  return low <= high ? [low, high] : null;
}
