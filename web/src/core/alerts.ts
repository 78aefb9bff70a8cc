// Alerts from the socket and from the store, each once, newest first.

import { createSignal } from "solid-js";
import { day } from "./eastern";
import { Refused } from "./rest";
import { millisOf, type Alert } from "./protocol";

/** Whether only alerts of the chosen instrument are shown; the key `b` wants that. */
export const [onlyChosen, setOnlyChosen] = createSignal(false);

/** `id` is null, and `symbol` empty, of what is told of a whole source. */
export type Told = { key: string; ms: number; firedMs: number; lagMs: number; id: string | null; symbol: string; venue: string; rule: string; sentence: string; severity: string; state: string; value: string; threshold: string };

const time = (value: number | string | null | undefined): number => (typeof value === "number" ? millisOf(value) : value ? Date.parse(value) : NaN);
const word = (value: number | string | null | undefined): string => (value == null ? "" : typeof value === "number" ? String(Number(value.toPrecision(5))) : value);

export function told(alert: Alert): Told {
  const ms = time(alert.ts_event), received = time(alert.ts_recv);
  return {
    key: alert.alert_id ?? alert.id ?? `${alert.rule} ${alert.symbol} ${alert.ts_event}`,
    ms: Number.isNaN(ms) ? received : ms,
    firedMs: received,
    lagMs: received - ms, // no number where the venue did not say when it was
    id: !alert.symbol ? null : alert.instrument?.includes(".") ? alert.instrument : `${alert.symbol}.${alert.venue}`,
    symbol: alert.symbol,
    venue: alert.venue,
    rule: alert.rule,
    // The rule's name and the instrument have columns of their own.
    sentence: (alert.sentence ?? alert.message ?? alert.rule).replace(`${alert.rule}: `, "").replace(`${alert.symbol}.${alert.venue} `, ""),
    severity: alert.severity ?? "",
    state: alert.state ?? "",
    value: word(alert.value),
    threshold: word(alert.threshold),
  };
}

/** Whether the trade that fired an alert was taken back by its venue: then it fired for nothing. */
export function isTakenBack(alert: Told): boolean {
  return alert.state === "retracted";
}

/** Each once, newest first. One that was taken back is that, whichever of its two rows comes from where. */
export function merged(live: readonly Alert[], stored: readonly Alert[]): Told[] {
  const found = new Map<string, Told>();
  for (const alert of [...live, ...stored]) {
    const one = told(alert), before = found.get(one.key);
    if (!before || isTakenBack(before)) found.set(one.key, before ? { ...one, state: before.state } : one); // as it was when it fired
    else if (isTakenBack(one)) before.state = one.state;
  }
  return [...found.values()].sort((a, b) => b.ms - a.ms);
}

/** What is told now, but where one is as it was told before, that one itself. */
export function kept(before: readonly Told[], now: readonly Told[]): Told[] {
  const known = new Map(before.map((alert) => [alert.key, alert]));
  return now.map((alert) => {
    const same = known.get(alert.key);
    return same && JSON.stringify(same) === JSON.stringify(alert) ? same : alert;
  });
}

/** How many stand that are of the day that `now` is in, and whether the newest `stored` reach back to where it begins: else there may be more. */
export function ofDay(all: readonly Told[], stored: readonly Alert[] | null, now: number): { count: number; whole: boolean } {
  const date = day(now);
  const whole = stored !== null && (stored.length < ASKED || stored.some((alert) => day(time(alert.ts_recv)) !== date));
  return { count: all.filter((alert) => !isTakenBack(alert) && day(alert.ms) === date).length, whole };
}

/** The newest `most` of what was known and of what is new, each once: one that is taken back comes again, as retracted. */
export function added(known: readonly Alert[], fresh: readonly Alert[], most: number): Alert[] {
  const name = (alert: Alert): string => `${told(alert).key} ${alert.state}`;
  const names = new Set(known.map(name));
  return [...known, ...fresh.filter((alert) => !names.has(name(alert)))].slice(-most);
}

export const ASKED = 300;
export const QUERY = `select alert_id, rule, rule_version, kind, venue, symbol, ts_event, ts_recv, state, value, threshold, message from alerts order by ts_recv desc limit ${ASKED}`;

/** Whether an error means that the server does not have this at all. */
export function isMissing(error: unknown): boolean {
  return error instanceof Refused && error.status === 404;
}
