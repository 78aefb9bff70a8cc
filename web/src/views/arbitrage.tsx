import { createMemo, createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import { clock } from "../core/eastern";
import * as format from "../core/format";
import { isFrozen } from "../core/loop";
import { byRoute, isWanted, LastHour, lives, LIVES, MOST, oldest, type Opportunity } from "../core/opportunities";
import { poll } from "../core/rest";
import { sql } from "../core/asked";
import { useTerminal } from "../core/terminal";
import { Empty, Panel } from "../parts/panel";

const SHOWN = 150;
const name = (id: string): string => id.slice(0, id.lastIndexOf("."));
const venue = (id: string): string => id.slice(id.lastIndexOf(".") + 1).replace("_", " ");

export default function Arbitrage(): JSX.Element {
  const terminal = useTerminal();
  const hour = new LastHour();
  const [rows, setRows] = createSignal<Opportunity[] | null>(null);
  const [trouble, setTrouble] = createSignal("");
  const [net, setNet] = createSignal(0);
  const [size, setSize] = createSignal(0);
  const [age, setAge] = createSignal(1000);
  onCleanup(poll(1_000, (signal) => sql<Opportunity>(hour.question(), signal), (found) => {
    setTrouble("");
    const all = hour.take(found, terminal.now());
    if (!isFrozen()) setRows(all);
  }, (error) => setTrouble(error.message)));
  const shown = createMemo(() => (rows() ?? []).filter((row) => isWanted(row, { net: net(), size: size(), age: age() })));
  /** The hour, or what of it is here. */
  const span = (): string => (rows() && hour.cut ? `newest ${format.count(MOST)} of the last hour` : "last hour");
  const told = (count: number): string => `${format.count(count)}${rows() && hour.cut ? "+" : ""}`;
  const open = createMemo(() => shown().filter((row) => row.state !== "closed").length);

  const number = (title: string, unit: string, value: () => number, set: (next: number) => void): JSX.Element => (
    <label>{title} <input class="find small" type="number" step="any" min="0" value={value()} onInput={(event) => set(Number(event.currentTarget.value) || 0)} /> {unit}</label>
  );
  return (
    <main class="arbpage">
      <Panel class="opps ticks" title={<><b>Opportunities</b><span class="quiet">{span()} · {told(shown().length)}, {open()} open</span><span class="tag warn">indicative, not executed</span></>} aside={
        <span class="filters">{number("net ≥", "bp", net, setNet)}{number("size ≥", "", size, setSize)}{number("leg age ≤", "ms", age, setAge)}</span>
      }>
        <div class="tablebox" tabIndex={0} role="region" aria-label="Opportunities">
          <table>
            <thead><tr>{["Route", "State", "Opened ET", "Life", "Size", "Gross bp", "Fees bp", "Net bp", "Net", "Leg prices", "Leg ages ms"].map((title, at) => <th scope="col" class={at < 2 ? "left" : ""}>{title}</th>)}</tr></thead>
            <tbody><For each={shown().slice(0, SHOWN)}>{(row) => <Row row={row} age={age()} />}</For></tbody>
          </table>
        </div>
        <Show when={trouble()}><Empty title="Opportunities cannot be had">{trouble()}</Empty></Show>
        <Show when={!trouble() && rows() === null}><Empty title="Asking the store…" /></Show>
        <Show when={!trouble() && rows()?.length === 0}><Empty title="No opportunity in the last hour">It is looked for between the instruments that the configuration groups: <code>[engine.arbitrage]</code>, config/arbitrage.toml is one to begin with.</Empty></Show>
        <Show when={!trouble() && rows()?.length && !shown().length}><Empty title="None passes the filters">{told(rows()!.length)} were told in the last hour.</Empty></Show>
      </Panel>
      <Panel class="lives" title={<><b>Life time</b><span class="quiet">of closed ones</span></>} aside="ms"><Lives counts={lives(shown())} /></Panel>
      <Panel class="routes" title={<b>By route</b>} aside={span()}>
        <div class="tablebox" tabIndex={0} role="region" aria-label="By route"><table>
          <thead><tr><th scope="col" class="left">Route</th><th scope="col">Count</th><th scope="col">Best bp</th><th scope="col">Net, all</th></tr></thead>
          <tbody><For each={byRoute(shown())}>{(pair) => <tr><th scope="row" class="left"><Route name={pair.name} /></th><td>{format.count(pair.count)}</td><td>{format.bps(pair.best)}</td><td>{format.fixed(pair.net, 4)} <small>{pair.currency}</small></td></tr>}</For></tbody>
        </table></div>
        <Show when={rows() && !shown().length}><Empty title="Nothing to sum" /></Show>
      </Panel>
    </main>
  );
}

function Route(props: { name: string }): JSX.Element {
  return <span class="route"><For each={props.name.split(" > ")}>{(leg, at) => <><Show when={at()}><i aria-hidden="true">→</i></Show><b>{name(leg)}</b> <small>{venue(leg)}</small></>}</For></span>;
}

function Row(props: { row: Opportunity; age: number }): JSX.Element {
  const late = (): boolean => oldest(props.row) > props.age;
  const isOpen = (): boolean => props.row.state !== "closed";
  return (
    <tr classList={{ faded: late() }}>
      <th scope="row" class="left"><Route name={props.row.name} /></th>
      <td class="left"><span class={`word ${isOpen() ? "ok" : "quiet"}`}>{isOpen() ? "open" : props.row.cause || "closed"}</span></td>
      <td>{clock(Date.parse(props.row.opened_ts), true)}</td>
      <td>{format.fixed(props.row.lifetime_ns / 1e6, props.row.lifetime_ns < 1e7 ? 1 : 0)} <small>ms</small></td>
      <td>{format.short(props.row.size)}</td><td>{format.bps(props.row.gross_bps)}</td><td>{format.bps(props.row.fees_bps)}</td>
      <td class={format.tone(props.row.net_bps)}>{format.bps(props.row.net_bps)}</td>
      <td>{format.fixed(Number(props.row.net), 4)} <small>{props.row.currency}</small></td>
      <td>{props.row.leg_prices.map((price) => format.group(String(Number(price)))).join(" / ")}</td>
      <td class={late() ? "warn" : ""}>{late() ? "stale leg " : ""}{props.row.leg_ages_ns.map((each) => format.fixed(each / 1e6, 0)).join(" / ")}</td>
    </tr>
  );
}

function Lives(props: { counts: number[] }): JSX.Element {
  const most = (): number => Math.max(1, ...props.counts);
  const label = (at: number): string => (LIVES[at] === Infinity ? "more" : `≤ ${format.count(LIVES[at]!)}`);
  return (
    <div class="bars" role="img" aria-label={props.counts.map((count, at) => `${label(at)} ms: ${count}`).join(", ")}>
      <For each={props.counts}>{(count, at) => <div><b>{count || ""}</b><i style={{ "--share": count / most() }} /><small>{label(at())}</small></div>}</For>
    </div>
  );
}
