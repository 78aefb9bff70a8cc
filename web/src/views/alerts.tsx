import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import { ASKED, isMissing, isTakenBack, merged, ofDay, onlyChosen, QUERY, setOnlyChosen, type Told } from "../core/alerts";
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

export default function Alerts(): JSX.Element {
  const terminal = useTerminal();
  const [stored, setStored] = createSignal<Alert[] | null>(null);
  const [trouble, setTrouble] = createSignal("");
  const [done, setDone] = createSignal<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = createSignal(0);
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

  const all = held(() => merged(terminal.alerts(), stored() ?? []));
  const shown = createMemo(() => all().filter((alert) => !done().has(alert.key) && (!onlyChosen() || alert.id === terminal.selected())));
  const open = createMemo(() => shown().filter((alert) => !isTakenBack(alert)).length);
  const today = held(() => ofDay(all(), stored(), terminal.now()));
  const late = createMemo(() => { const lags = all().map((alert) => alert.lagMs).filter(Number.isFinite).slice(0, 100).sort((a, b) => a - b); return lags[Math.ceil(lags.length * 0.95) - 1] ?? NaN; });
  createEffect(on(onlyChosen, () => setChosen(0)));

  const chart = (alert: Told | undefined): void => { if (alert) terminal.select(alert.id), go("chart", alert.id); };
  const finish = (alert: Told | undefined): void => { if (alert) setDone(new Set([...done(), alert.key])), setChosen(Math.min(chosen(), Math.max(0, shown().length - 1))); };
  onCleanup(bind({
    ArrowDown: () => setChosen(Math.min(shown().length - 1, chosen() + 1)), ArrowUp: () => setChosen(Math.max(0, chosen() - 1)),
    j: () => setChosen(Math.min(shown().length - 1, chosen() + 1)), k: () => setChosen(Math.max(0, chosen() - 1)),
    Enter: () => chart(shown()[chosen()]), x: () => finish(shown()[chosen()]),
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
        <div class="tablebox" tabIndex={0} role="region" aria-label="Alerts"><table>
          <thead><tr><th scope="col" class="left">Time ET</th><th scope="col" class="left">Symbol</th><th scope="col" class="left">Rule</th><th scope="col" class="left">What</th><th scope="col">Value</th><th scope="col">Threshold</th><th scope="col">Lag ms</th><th scope="col"><span class="sr">What to do</span></th></tr></thead>
          <tbody><For each={shown().slice(0, 200)}>{(alert, at) => (
            <tr class={isTakenBack(alert) ? "takenback" : undefined} aria-selected={at() === chosen()} onClick={() => setChosen(at())} onDblClick={() => chart(alert)}>
              <td class="left figures"><small>{day(alert.ms).slice(5)}</small> {clock(alert.ms, true)}</td>
              <th scope="row" class="left">{alert.symbol} <small>{alert.venue.replace("_", " ")}</small></th>
              <td class="left"><span class={`word ${alert.severity === "critical" ? "bad" : "warn"}`}>{alert.rule}</span><Show when={isTakenBack(alert)}> <span class="tag quiet" title="The venue took back the trade that fired it">taken back</span></Show></td>
              <td class="left sentence" title={alert.sentence}>{alert.sentence}</td><td>{alert.value || format.NONE}</td><td class="quiet">{alert.threshold || format.NONE}</td>
              <td class="quiet">{format.millis(alert.lagMs)}</td>
              <td><button class="do" onClick={() => chart(alert)} title="Its chart (Enter)">chart</button><button class="do" onClick={() => finish(alert)} title="Done with it, in this tab (x)">done</button></td>
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
