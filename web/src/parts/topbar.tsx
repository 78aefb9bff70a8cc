import { createMemo, Show, type JSX } from "solid-js";
import { clock, session } from "../core/eastern";
import { catchingUp, origin } from "../core/feeds";
import { count, millis } from "../core/format";
import { STALE_MS } from "../core/line";
import { go } from "../core/route";
import { useTerminal } from "../core/terminal";
import { Finder } from "./finder";

const SESSIONS = { pre: "pre-market", regular: "regular", after: "after hours", closed: "closed" } as const;

/** The top bar: where the data comes from, the exchange's clock, how late it is, and the symbol box. */
export function TopBar(props: { alerts: number; frozen: number | null; thawed: boolean; onHelp: () => void; onSettings: () => void }): JSX.Element {
  const terminal = useTerminal();
  const lag = createMemo(() => worst(terminal));
  const now = createMemo(() => (terminal.second(), terminal.now()));
  const hours = createMemo(() => {
    terminal.second();
    const at = terminal.market.place.get(terminal.selected() ?? "");
    return (at === undefined ? null : terminal.market.hoursNow(at, now())) ?? SESSIONS[session(now())];
  });
  const stale = createMemo(() => (terminal.second(), terminal.link().quietMs > STALE_MS));
  return (
    <header class="top">
      <h1>Breadboard</h1>
      <Provenance />
      <span class="pill wide" title="The session of the chosen instrument, and New York's clock">session <b>{hours()}</b> <b class="figures">{clock(now())}</b> ET</span>
      <span class="pill wider" title={lag().title}>{lag().name} <b class="figures" classList={{ warn: lag().value > 100 }}>{millis(lag().value)}</b> ms</span>
      <span class="pill wider" title="Events of all feeds, over the last second"><b class="figures">{count(terminal.rate())}</b> msg/s</span>
      <button class="pill wider" onClick={() => go("alerts")} title="Alerts since this page was opened (g n)">alerts <b class="figures">{count("alert" in terminal.unavailable() ? NaN : props.alerts)}</b></button>
      <Show when={!stale() && catchingUp(terminal.status())}>{(behind) => <span class="badge behind" title="What is shown is as old as the server's place in its journal">CATCHING UP<span class="wide"> · {count(behind())} behind</span></span>}</Show>
      <Show when={props.frozen !== null}><span class="badge frozen" role="status">FROZEN {props.frozen} s</span></Show>
      <Show when={props.thawed}><span class="badge moving">MOVES AGAIN</span></Show>
      <Show when={stale()}><span class="badge stale">STALE {Math.floor(terminal.link().quietMs / 1000)} s</span></Show>
      <span class="space" />
      <Finder label="Symbol" word="Symbol" cap="/" list="symbols" onChoose={(id) => terminal.select(id)} />
      <button class="icon" onClick={() => props.onSettings()} aria-label="Looks" title="Looks (,)">◐</button>
      <button class="icon wide" onClick={() => props.onHelp()} aria-label="Keyboard help" title="Keys (?)">?</button>
    </header>
  );
}

/** Where the data comes from, said by the data. What is not live cannot be taken for it. */
function Provenance(): JSX.Element {
  const terminal = useTerminal();
  const said = createMemo(() => origin(terminal.status()));
  return <span class="badge provenance" data-kind={said().kind} title="Said by the rows themselves, not by a setting">{said().text}</span>;
}

type Worst = { name: string; value: number; title: string };

/** The largest tail of the hop from a venue to us; of P95 where the server tells it, of P99 where not. */
function worst(terminal: ReturnType<typeof useTerminal>): Worst {
  const rows = terminal.lag().filter((row) => row.hop === "network");
  const has95 = rows.some((row) => row.p95_ms !== undefined);
  const value = rows.reduce((most, row) => Math.max(most, row.p95_ms ?? row.p99_ms), -Infinity);
  const name = `lag ${has95 ? "P95" : "P99"}`;
  return { name, value: rows.length ? value : NaN, title: `From the venue's clock to ours, the last ten seconds, the worst feed${rows.some((row) => row.clock_suspect) ? "; a clock is suspect" : ""}` };
}
