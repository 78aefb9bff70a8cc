// Of the rules, the prices that the chart draws; of what was told, the bars that it marks.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { added, isMissing, told } from "../core/alerts";
import type { Bar, Interval } from "../core/bars";
import type { Alert } from "../core/protocol";
import { get, poll, type Listed } from "../core/rest";
import { crossings, marks, type AlertLine, type Mark, type Rule } from "../core/rules";
import { useTerminal } from "../core/terminal";
import { lists } from "./lists";

const RULES_EVERY_MS = 10_000;
const ALERTS_EVERY_MS = 5_000;
const PAGE = 1_000;
/** Of one instrument: what is older is forgotten first. */
const KEPT = 5_000;

export function createAlertLines(bars: () => readonly Bar[], interval: () => Interval): { lines: () => AlertLine[]; marks: () => Mark[] } {
  const terminal = useTerminal();
  const [rules, setRules] = createSignal<Rule[]>([]);
  const [stored, setStored] = createSignal<Alert[]>([]);
  const stop = poll(RULES_EVERY_MS, (signal) => get<Listed<Rule>>("rules", {}, signal), (found) => setRules(found.data), (error) => isMissing(error) && stop());
  onCleanup(stop);

  // Each round asks from the newest that is known on: one that is stored late is pushed to us meanwhile.
  const first = createMemo(() => bars()[0]?.t);
  createEffect(on([terminal.selected, interval, first], ([id, , begin]) => {
    setStored([]);
    if (!id || begin === undefined) return;
    let start = new Date(begin).toISOString();
    onCleanup(poll(ALERTS_EVERY_MS, (signal) => get<Listed<Alert>>("alerts", { symbol: id, start, limit: PAGE }, signal), ({ data }) => {
      const newest = data.at(-1)?.ts_recv;
      if (typeof newest === "string") start = newest;
      setStored((known) => added(known, data, KEPT));
    }, () => undefined)); // what was pushed is shown without it; the Alerts screen says what is wrong
  }));

  const spanned = createMemo(() => `${first()} ${bars().at(-1)?.t} ${bars().length} ${interval()}`);
  return {
    lines: createMemo(() => crossings(rules(), terminal.selected() ?? "", lists())),
    marks: createMemo(on([spanned, stored, terminal.alerts, terminal.selected], ([, , pushed, id]) => marks([...pushed, ...stored()].map(told), id ?? "", bars(), interval()))),
  };
}
