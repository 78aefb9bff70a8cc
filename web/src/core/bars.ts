// Bars of the store joined with the trades of the socket. The store's bar is the truth: it replaces ours by `ts_open`,
// and nothing is ever appended because it came later.

import { shifted, unshifted } from "./eastern";

export const STEPS = { "1s": 1, "5s": 5, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86_400 } as const;
export type Interval = keyof typeof STEPS;
/** What the store keeps, and how many of them make one of ours. */
export const STORED: Record<Interval, [interval: string, parts: number]> = {
  "1s": ["1s", 1], "5s": ["1s", 5], "1m": ["1m", 1], "5m": ["5m", 1], "15m": ["5m", 3], "1h": ["1h", 1], "1d": ["1d", 1],
};

export type Bar = {
  /** The opening, ms UTC. */
  t: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  /** Price times size, summed: what the average price is made of. */
  turnover: number;
  trades: number;
  /** Made here of trades, until the store's own bar comes. */
  provisional: boolean;
  /** Not over yet, whoever counts it. */
  forming: boolean;
  completeness: number;
  /** Where in its exchange's day the store says that it lies: pre, regular, post, closed, mixed; empty where nobody said. */
  session: string;
};

export type StoredBar = {
  ts_open: string;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string | null;
  vwap: string | null;
  trades: number | null;
  state: string;
  completeness: number | null;
  session?: string | null;
  provenance: string;
};

export function fromStored(bar: StoredBar): Bar {
  const close = Number(bar.close), volume = Number(bar.volume ?? 0);
  return {
    t: Date.parse(bar.ts_open),
    open: Number(bar.open), high: Number(bar.high), low: Number(bar.low), close,
    volume, turnover: volume * Number(bar.vwap ?? close), trades: bar.trades ?? 0,
    provisional: false, forming: bar.state === "provisional", completeness: bar.completeness ?? 1,
    session: bar.session ?? "",
  };
}

const DAY = 86_400_000;
/** A bar of the store may be told so late. */
const LATE_MS = 60_000;

/** Whether the bar of a day that opens at `t` is one of UTC's days. Those of an exchange begin at its own midnight. */
export function isUtcDay(t: number): boolean {
  return t % DAY === 0;
}

/** The date of the bar of a day, as its midnight of UTC, ms. A day has 23 to 25 hours: its noon is of no other date. */
export function dateOf(t: number): number {
  return Math.floor((t + DAY / 2) / DAY) * DAY;
}

/** "2026-11-27 UTC", or "2026-11-27 ET" of a day in New York. */
export function dateSaid(t: number): string {
  return `${new Date(dateOf(t)).toISOString().slice(0, 10)} ${isUtcDay(t) ? "UTC" : "ET"}`;
}

/** When the bar that `ms` is in opens. A day opens as the one that opens `beside` it: at midnight of UTC or of New York. */
export function opening(ms: number, interval: Interval, beside = 0): number {
  const step = STEPS[interval] * 1000;
  if (interval === "1d" && !isUtcDay(beside)) return unshifted(Math.floor(shifted(ms) / step) * step);
  return Math.floor(ms / step) * step;
}

/** Bars of `interval` from shorter ones, which are in order. */
export function coarser(bars: readonly Bar[], interval: Interval): Bar[] {
  const made: Bar[] = [];
  for (const bar of bars) {
    const t = opening(bar.t, interval, bar.t), last = made.at(-1); // a day is the day that the store says
    if (!last || last.t !== t) made.push({ ...bar, t });
    else {
      last.high = Math.max(last.high, bar.high);
      last.low = Math.min(last.low, bar.low);
      last.close = bar.close;
      last.volume += bar.volume;
      last.turnover += bar.turnover;
      last.trades += bar.trades;
      last.completeness = Math.min(last.completeness, bar.completeness);
      last.provisional ||= bar.provisional;
      last.forming ||= bar.forming;
      if (last.session !== bar.session) last.session = "mixed";
    }
  }
  return made;
}

/**
 * Bars of `interval` from the store's shorter ones, but for those that are ours to tell: the one that is open at `now`,
 * and, where we have counted it, one of which a part is still forming or, so lately did it end, may be on its way.
 */
export function settled(parts: readonly Bar[], interval: Interval, now: number, counted: (t: number) => boolean): Bar[] {
  const open = opening(now, interval), over = now - STEPS[interval] * 1000 - 2000;
  const forming = new Set(parts.filter((part) => part.forming).map((part) => opening(part.t, interval)));
  const bars = coarser(parts.filter((part) => !part.forming), interval);
  return bars.filter((bar) => (bar.t <= over && !forming.has(bar.t)) || (bar.t < open && !counted(bar.t)));
}

/** How a bar stands: one whose time was over long ago, and whose end nobody has told of, goes on no more. */
export function stateOf(bar: Bar, interval: Interval, now: number): "forming" | "unfinished" | "final" {
  if (!bar.forming) return "final";
  return now - bar.t > 2 * STEPS[interval] * 1000 + LATE_MS ? "unfinished" : "forming";
}

/** Put the store's bars in the place of ours of the same opening; both are in order, and so is what is returned. */
export function joined(ours: readonly Bar[], stored: readonly Bar[]): Bar[] {
  const found: Bar[] = [];
  let at = 0;
  for (const bar of stored) {
    while (at < ours.length && ours[at]!.t < bar.t) found.push(ours[at++]!);
    if (at < ours.length && ours[at]!.t === bar.t) at += 1;
    found.push(bar);
  }
  return found.concat(ours.slice(at));
}

/** Whether these are the same bars with the same figures. */
export function alike(some: readonly Bar[], others: readonly Bar[]): boolean {
  const same = (one: Bar, other: Bar): boolean => one === other || (Object.keys(one) as (keyof Bar)[]).every((name) => one[name] === other[name]);
  return some.length === others.length && some.every((bar, at) => same(bar, others[at]!));
}

/**
 * Take a trade into the bars, in place: the newest one grows, or a new one opens. An older one is the store's to tell,
 * and so is what a trade that moves no price brings before one that does. Of what is `uncounted`, nothing is taken. A
 * day is the store's alone: we have not heard all of it, and it begins where its exchange says.
 */
export function take(bars: Bar[], ms: number, price: number, size: number, interval: Interval, uncounted = ""): Bar | null {
  if (interval === "1d") return null;
  const denied = uncounted.split(" "), moves = !denied.includes("open_close"), reaches = !denied.includes("high_low");
  if (denied.includes("volume")) size = 0;
  const t = opening(ms, interval), last = bars.at(-1);
  if ((last && t < last.t) || !(moves || reaches || size)) return null;
  if (!last || t > last.t) {
    if (!moves || !reaches) return null;
    const bar = { t, open: price, high: price, low: price, close: price, volume: size, turnover: price * size, trades: 1, provisional: true, forming: true, completeness: 1, session: "" };
    bars.push(bar);
    return bar;
  }
  if (!last.provisional) return null; // the store has counted it
  if (reaches) {
    last.high = Math.max(last.high, price);
    last.low = Math.min(last.low, price);
  }
  if (moves) last.close = price;
  last.volume += size;
  last.turnover += price * size;
  last.trades += 1;
  return last;
}

/** The openings between these bars that have no bar: time without a trade has its width on the axis. */
export function empties(bars: readonly Bar[], interval: Interval): number[] {
  const step = STEPS[interval] * 1000;
  // A day after a change of clocks opens an hour earlier or later: dates are what follows each other.
  const place = interval === "1d" ? dateOf : (t: number): number => t;
  const found: number[] = [];
  for (let at = 1; at < bars.length; at++) {
    const end = place(bars[at]!.t);
    for (let t = bars[at - 1]!.t + step; place(t) < end; t += step) found.push(t);
  }
  return found;
}

/** The newest of these bars that span `most` slots or fewer: of what is older, time without a trade has no width. */
export function spacious(bars: readonly Bar[], interval: Interval, most: number): readonly Bar[] {
  const last = bars.at(-1);
  return last ? bars.slice(bars.findIndex((bar) => bar.t >= last.t - most * STEPS[interval] * 1000)) : bars;
}

/** The average price since the first of these bars of each New York day, weighted by size; null where nothing was traded yet. */
export function vwap(bars: readonly Bar[], dayOf: (ms: number) => string): (number | null)[] {
  let day = "", turnover = 0, volume = 0;
  return bars.map((bar) => {
    const its = dayOf(bar.t);
    if (its !== day) (day = its), (turnover = 0), (volume = 0);
    turnover += bar.turnover;
    volume += bar.volume;
    return volume > 0 ? turnover / volume : null;
  });
}

/** Heikin-Ashi: a smoothed drawing, whose open and close are not prices that were traded. */
export function heikin(bars: readonly Bar[]): Bar[] {
  let open = NaN, close = NaN;
  return bars.map((bar) => {
    const nextClose = (bar.open + bar.high + bar.low + bar.close) / 4;
    open = Number.isNaN(open) ? (bar.open + bar.close) / 2 : (open + close) / 2;
    close = nextClose;
    return { ...bar, open, close, high: Math.max(bar.high, open, close), low: Math.min(bar.low, open, close) };
  });
}

export type GapSpan = { from: number; to: number; reason: string };
export type StoredGap = { symbol: string | null; reason: string; state: string; ts_from: string; ts_to: string; channel?: string | null };

/** The spans in which something may be missing of `symbol`, in order, those that touch joined. */
export function spans(gaps: readonly StoredGap[], symbol: string): GapSpan[] {
  const own = gaps
    .filter((gap) => (gap.symbol === null || gap.symbol === "" || gap.symbol === symbol) && gap.state !== "verified")
    .map((gap) => ({ from: Date.parse(gap.ts_from), to: Date.parse(gap.ts_to), reason: gap.reason }))
    .sort((a, b) => a.from - b.from);
  const found: GapSpan[] = [];
  for (const span of own) {
    const last = found.at(-1);
    if (last && span.from <= last.to) {
      last.to = Math.max(last.to, span.to);
      if (!last.reason.includes(span.reason)) last.reason += `, ${span.reason}`;
    } else found.push({ ...span });
  }
  return found;
}
