// What `/ws/realtime` and `/api/v1` say. Prices and sizes are exact decimal strings; absent is null, never 0.

/** What a change is against. */
export type ChangeFrom = "previous_close" | "day_open" | null;

/** A time of the server's in ms. Its nanoseconds are more than a number holds: rounded down they would be of the millisecond before. */
export function millisOf(ns: number): number {
  return Math.round(ns / 1e3) / 1e3;
}

export type Row = {
  id: string;
  price?: string | null;
  price_hint?: number | null;
  time?: number | null;
  market_hours?: string | null;
  change?: string | null;
  change_percent?: string | null;
  change_from?: ChangeFrom;
  bid?: string | null;
  bid_size?: string | null;
  ask?: string | null;
  ask_size?: string | null;
  volume?: string | null;
  trades?: number | null;
  ts_event?: number | null;
  ts_recv?: number | null;
  lag_ms?: number | null;
  provenance?: string;
  delayed?: boolean;
  conflated?: boolean;
};

export type Trade = {
  seq: number;
  id: string;
  price: string;
  size: string | null;
  side: "buy" | "sell" | null;
  trade_id: number | null;
  ts_event: number | null;
  ts_recv: number;
  offset: number;
  index: number;
  uncounted: string;
  flags: number;
};

export type Level = [price: string, size: string];

export type Book = {
  id: string;
  state: string;
  sequence: number | null;
  ts_event?: number | null;
  ts_recv?: number | null;
  bids: Level[];
  asks: Level[];
};

export type Feed = {
  feed: string;
  source: number;
  venue: string | null;
  state: string;
  age_ms: number;
  rows: number;
  gaps: number;
  provenance: string;
  aside: string;
  delayed: boolean;
  conflated: boolean;
};

export type Status = {
  type: "status";
  t: number;
  feed: string;
  feeds: Feed[];
  /** Of the feeds; where there is none, of the rows; null where there are no rows, either. */
  provenance: string | null;
  /** Whether a trade or a quote was taken since the server began. */
  ready?: boolean;
  /** Frames of the journal that it has still to take; null where it does not follow one. */
  behind_frames?: number | null;
  gaps: number;
  instruments: number;
  stream: number;
  conflated: number;
  dropped: number;
  next: Record<string, number>;
};

export type LagRow = {
  venue: string;
  feed: string;
  hop: string;
  provenance: string;
  ts_recv: number;
  count: number;
  p50_ms: number;
  p95_ms?: number;
  p99_ms: number;
  max_ms: number;
  min_ms: number;
  clock_suspect: boolean;
};

export type Alert = {
  id?: string;
  alert_id?: string;
  rule: string;
  rule_version?: number;
  kind?: string;
  instrument?: string;
  symbol: string;
  venue: string;
  ts_event: number | string | null;
  ts_recv?: number | string;
  severity?: string;
  sentence?: string;
  message?: string;
  state?: string;
  value?: number | string | null;
  threshold?: number | string | null;
};

export type Subscribed = {
  type: "subscribed";
  symbols: string[];
  unknown: string[];
  channels: string[];
  unavailable: Record<string, string>;
  hz: number;
  stream: number;
  next: Record<string, number>;
};

export type Message =
  | { type: "snapshot" | "quote"; seq: number; t: number; ts_deliver: number; data: Row[] }
  | { type: "trade"; from: number; next: number; skipped: number; lost: number; t: number; data: Trade[] }
  | { type: "book"; t?: number; data: Book[] }
  | { type: "alert"; from: number; next: number; lost: number; data: Alert[] }
  | { type: "lag"; data: LagRow[] }
  | { type: "gap"; channel: string; from: number; reason: string; next: Record<string, number>; stream: number }
  | { type: "error"; error: string; hint?: string }
  | { type: "unsubscribed"; symbols: string[] }
  | Subscribed
  | Status;

export type Subscription = {
  symbols: string[];
  hz: number;
  channels: string[];
  fields?: string[];
};

/** The name of an instrument: "BRK.B.NASDAQ" is BRK.B at NASDAQ. */
export function named(id: string): [symbol: string, venue: string] {
  const dot = id.lastIndexOf(".");
  return dot < 0 ? [id, ""] : [id.slice(0, dot), id.slice(dot + 1)];
}
