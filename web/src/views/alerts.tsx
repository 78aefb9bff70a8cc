import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import { ASKED, isMissing, isTakenBack, kept, merged, ofDay, onlyChosen, QUERY, setOnlyChosen, type Told } from "../core/alerts";
import { sql } from "../core/asked";
import { clock, day } from "../core/eastern";
import * as format from "../core/format";
import { bind } from "../core/keys";
import { STALE_MS } from "../core/line";
import { held } from "../core/loop";
import type { Alert } from "../core/protocol";
import { get, poll, type Listed } from "../core/rest";
import { go } from "../core/route";
import { useTerminal } from "../core/terminal";
import { Empty, Panel, Tile } from "../parts/panel";

type Rule = { name: string; number: number; version: number; sentence: string };
const EVERY_MS = 2_000;
const RULES_EVERY_MS = 30_000;
/** So many have a row. */
const MOST = 200;

export default function Alerts(): JSX.Element {
  const terminal = useTerminal();
  const [stored, setStored] = createSignal<Alert[] | null>(null);
  const [trouble, setTrouble] = createSignal("");
  const [done, setDone] = createSignal<ReadonlySet<string>>(new Set());
  /** The key of the alert that is chosen: its row is another one when the next fires. */
  const [chosen, setChosen] = createSignal<string | null>(null);
  const [rules, setRules] = createSignal<Rule[] | null>(null);
  const [noRules, setNoRules] = createSignal("");
  const pushed = (): boolean => !("alert" in terminal.unavailable());
  const cut = (): boolean => terminal.link().quietMs > STALE_MS;
  onCleanup(() => setOnlyChosen(false));
  onCleanup(poll(EVERY_MS, (signal) => sql<Alert>(QUERY, signal), (found) => { setTrouble(""); setStored(found); }, (error) => setTrouble(error.message)));
  const stop = poll(RULES_EVERY_MS, (signal) => get<Listed<Rule>>("rules", {}, signal), (found) => { setNoRules(""); setRules(found.data); }, (error) => {
    if (isMissing(error)) setNoRules("This server keeps no rules that can be asked for; breadboard rules list names them."), stop();
    else if (!rules()) setNoRules(error.message);
  });
  onCleanup(stop);

  // One that is told again as it was keeps its row, and whoever has a button of it under the finger keeps that.
  let known: Told[] = [];
  const all = held(() => (known = kept(known, merged(terminal.alerts(), stored() ?? []))));
  const shown = createMemo(() => all().filter((alert) => !done().has(alert.key) && (!onlyChosen() || alert.id === terminal.selected())));
  const rows = createMemo(() => shown().slice(0, MOST));
  const open = createMemo(() => shown().filter((alert) => !isTakenBack(alert)).length);
  const today = held(() => ofDay(all(), stored(), terminal.now()));
  const late = createMemo(() => { const lags = all().map((alert) => alert.lagMs).filter(Number.isFinite).slice(0, 100).sort((a, b) => a - b); return lags[Math.ceil(lags.length * 0.95) - 1] ?? NaN; });
  let at = 0;
  let table!: HTMLTableElement;
  createEffect(on(onlyChosen, () => { at = 0; setChosen(null); }));
  // Where the chosen one has gone, the choice goes to its neighbour, which has its row now.
  createEffect(() => {
    const all = rows(), found = all.findIndex((alert) => alert.key === chosen());
    if (found >= 0) at = found;
    else setChosen(all[Math.min(at, all.length - 1)]?.key ?? null);
  });
  const current = (): Told | undefined => rows().find((alert) => alert.key === chosen());
  const move = (by: number): void => {
    const next = rows()[Math.max(0, Math.min(rows().length - 1, at + by))];
    if (next) setChosen(next.key), reveal();
  };
  const reveal = (): void => table.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  const visit = (alert: Told | undefined): void => {
    if (!alert) return;
    if (alert.id) terminal.select(alert.id), go("chart", alert.id);
    else go("lag", terminal.selected());
  };
  const finish = (alert: Told | undefined): void => { if (alert) setDone(new Set([...done(), alert.key])); };
  onCleanup(bind({
    ArrowDown: () => move(1), ArrowUp: () => move(-1), j: () => move(1), k: () => move(-1),
    Enter: () => visit(current()), x: () => (finish(current()), reveal()),
  }));

  return (
    <main class="alertpage">
      <div class="tiles">
        <Tile name="Fired today" value={`${format.count(today().count)}${today().whole ? "" : "+"}`} note={today().whole ? "New York's day" : `New York's day; only the newest ${ASKED} are asked for`} />
        <Tile name="Open here" value={format.count(open())} note="not yet done with in this tab" />
        <Tile name="Event → received P95" value={<>{format.millis(late())} <small>ms</small></>} note="of the newest hundred with a lag" />
        <Tile name="Comes by" value={cut() ? "nothing" : pushed() ? "socket" : "asking"} tone={pushed() && !cut() ? "ok" : "warn"} note={cut() ? "the server is not heard" : pushed() ? "as it fires" : `each ${EVERY_MS / 1000} s: not pushed by this server`} />
      </div>
      <Panel class="feed" title={<><b>Alerts</b><span class="quiet">newest first</span></>} aside={
        <label><input type="checkbox" checked={onlyChosen()} onChange={(event) => setOnlyChosen(event.currentTarget.checked)} /> only {terminal.selected() ?? "the chosen symbol"}</label>
      }>
        <div class="tablebox" tabIndex={0} role="region" aria-label="Alerts"><table ref={table}>
          <thead><tr><th scope="col" class="left">Time ET</th><th scope="col" class="left">Symbol</th><th scope="col" class="left">Rule</th><th scope="col" class="left">What</th><th scope="col">Value</th><th scope="col">Threshold</th><th scope="col">Lag ms</th><th scope="col"><span class="sr">What to do</span></th></tr></thead>
          <tbody><For each={rows()}>{(alert) => (
            <tr class={isTakenBack(alert) ? "takenback" : undefined} aria-selected={alert.key === chosen()} onClick={() => setChosen(alert.key)} onDblClick={() => visit(alert)}>
              <td class="left figures"><small>{day(alert.ms).slice(5)}</small> {clock(alert.ms, true)}</td>
              <th scope="row" class="left">{alert.symbol} <small>{alert.venue.replace("_", " ")}</small></th>
              <td class="left"><span class={`word ${alert.severity === "critical" ? "bad" : "warn"}`}>{alert.rule}</span><Show when={isTakenBack(alert)}> <span class="tag quiet" title="The venue took back the trade that fired it">taken back</span></Show></td>
              <td class="left sentence" title={alert.sentence}>{alert.sentence}</td><td>{alert.value || format.NONE}</td><td class="quiet">{alert.threshold || format.NONE}</td>
              <td class="quiet">{format.millis(alert.lagMs)}</td>
              <td><button class="do" onClick={() => visit(alert)} title={alert.id ? "Its chart (Enter)" : "Of a whole source: Lag & health (Enter)"}>{alert.id ? "chart" : "feeds"}</button><button class="do" onClick={() => finish(alert)} title="Done with it, in this tab (x)">done</button></td>
            </tr>
          )}</For></tbody>
        </table></div>
        <Show when={trouble() && shown().length}><p class="note warn" role="status">The store cannot be asked ({trouble()}): the newest may be missing.</p></Show>
        <Show when={trouble() && !shown().length}><Empty title="Alerts cannot be had">{trouble()}</Empty></Show>
        <Show when={!trouble() && stored() === null}><Empty title="Asking the store…" /></Show>
        <Show when={!trouble() && stored() !== null && !shown().length}><Empty title={onlyChosen() ? "Nothing fired for this symbol" : "Nothing has fired"}>A rule is made with <code>breadboard rules add</code>, or on the pages at <a href="/">/</a>.</Empty></Show>
      </Panel>
      <Panel class="rules" title={<b>Rules</b>} aside={rules() ? `${rules()!.length}` : ""}>
        <Show when={rules()?.length}><ul class="list" tabIndex={0} aria-label="Rules"><For each={rules()!}>{(rule) => <li><span><b>{rule.name}</b></span><span class="quiet">v{rule.version}</span><span class="quiet">{rule.sentence}</span></li>}</For></ul></Show>
        <Show when={rules() && !rules()!.length}><Empty title="No rule yet">breadboard rules add "fast rise" --kind rise --threshold 0.5 --window 1m</Empty></Show>
        <Show when={noRules()}><Empty title="Rules are not shown here">{noRules()}</Empty></Show>
      </Panel>
    </main>
  );
}
