// What a chart shows of the rules that people made: the prices whose crossing they want to be told of, and what was told.

import { opening, type Bar, type Interval } from "./bars";
import type { Told } from "./alerts";
import { known } from "./compare";
import { named } from "./protocol";

export type Rule = {
  name: string;
  enabled?: boolean;
  rule: { kind: string; threshold?: string | number | null; direction?: string | null; symbols?: readonly string[] | null };
};
export type AlertLine = { price: number; title: string };
export type Mark = { t: number; names: string[]; count: number };

const WAYS: Record<string, string> = { up: "↑", down: "↓" };

/** Whether an instrument is among a rule's symbols: its name, `*.VENUE`, `*`, or a watchlist of these by `@name`. */
export function watches(patterns: readonly string[], id: string, lists: readonly { name: string; symbols: readonly string[] }[]): boolean {
  const wanted = new Set(["*", `*.${named(id)[1]}`, id]);
  return patterns.some((one) => (one.startsWith("@") ? (lists.find((list) => list.name === one.slice(1))?.symbols.some((each) => wanted.has(each)) ?? false) : wanted.has(one)));
}

/** The prices whose crossing by this instrument is told, with the name of who wants it and the direction. */
export function crossings(rules: readonly Rule[], id: string, lists: readonly { name: string; symbols: readonly string[] }[]): AlertLine[] {
  return rules.flatMap(({ name, enabled, rule }) => {
    const price = Number(rule.threshold ?? NaN);
    if (rule.kind !== "cross" || enabled === false || !Number.isFinite(price) || !watches(rule.symbols ?? ["*"], id, lists)) return [];
    return [{ price, title: `${name} ${WAYS[rule.direction ?? ""] ?? "↕"}` }];
  });
}

/** Alerts of one instrument by the bar in which they happened, each once however often it came; those taken back are left out. */
export function marks(alerts: readonly Told[], id: string, bars: readonly Bar[], interval: Interval): Mark[] {
  const withdrawn = new Set(alerts.filter((alert) => alert.state === "retracted").map((alert) => alert.key));
  const found = new Map<number, Mark>(), seen = new Set<string>();
  for (const alert of [...alerts].sort((a, b) => a.ms - b.ms)) {
    const t = known(bars, alert.ms)?.t;
    if (alert.id !== id || withdrawn.has(alert.key) || seen.has(alert.key) || t === undefined || t !== opening(alert.ms, interval, t)) continue;
    seen.add(alert.key);
    const mark = found.get(t) ?? { t, names: [], count: 0 };
    mark.count += 1;
    if (!mark.names.includes(alert.rule)) mark.names.push(alert.rule);
    found.set(t, mark);
  }
  return [...found.values()].sort((a, b) => a.t - b.t);
}

export function saidOf(mark: Mark): string {
  return mark.count === 1 ? mark.names[0]! : `${mark.names.join(", ")} ×${mark.count}`;
}
