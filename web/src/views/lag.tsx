import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import * as format from "../core/format";
import { clock } from "../core/eastern";
import { sql } from "../core/asked";
import { around, HOPS, LATELY, together, windows, type Point, type StoredLag } from "../core/lags";
import { isFrozen } from "../core/loop";
import type { LagRow } from "../core/protocol";
import { get, poll } from "../core/rest";
import { theme, token } from "../core/settings";
import { useTerminal } from "../core/terminal";
import { LagHistogram } from "../parts/laghistogram";
import { Empty, Panel, Tile } from "../parts/panel";

const TARGETS = [50, 100] as const;
const KEPT = 180;

type Lags = { data: LagRow[]; total: LagRow[] };

export default function Lag(): JSX.Element {
  const terminal = useTerminal();
  const [lags, setLags] = createSignal<Lags | null>(null);
  const [trouble, setTrouble] = createSignal("");
  const [points, setPoints] = createSignal<Point[]>([], { equals: false });
  const [peak, setPeak] = createSignal(NaN);
  onCleanup(poll(2_000, (signal) => get<Lags>("lag", {}, signal), (found) => { setTrouble(""); if (!isFrozen()) setLags(found); }, (error) => setTrouble(error.message)));
  createEffect(() => { const rate = terminal.rate(); setPeak((before) => (Number.isNaN(rate) ? before : Math.max(Number.isNaN(before) ? 0 : before, rate))); });
  const network = createMemo(() => together(lags()?.data ?? [], "network"));
  const total = createMemo(() => together(lags()?.data ?? [], "engine") && sum(lags()!.data));
  const worst = createMemo(() => (lags()?.data ?? []).filter((row) => row.hop === "network").sort((a, b) => b.max_ms - a.max_ms)[0]);

  // A window is ten seconds: a point comes with each that closes.
  createEffect(on(lags, (found) => {
    const now = found && together(found.data, "network"), end = found?.data[0]?.ts_recv;
    if (!now || end === undefined) return;
    const t = end / 1e9;
    if ((points().at(-1)?.t ?? 0) >= t) return;
    setPoints((old) => [...old, { t, p50: now.p50, p95: now.p95, p99: now.p99 }].slice(-KEPT));
  }));
  // What was before is the store's to tell; without it, the line begins here.
  const leaving = new AbortController();
  onCleanup(() => leaving.abort());
  sql<StoredLag>(LATELY, leaving.signal).then((rows) => setPoints((own) => [...windows(rows).filter((point) => point.t < (own[0]?.t ?? Infinity)), ...own].slice(-KEPT)), () => undefined);
  const feeds = createMemo(() => [...new Set((lags()?.total ?? []).map((row) => row.feed))].sort(), [], { equals: (a, b) => a.join() === b.join() });
  const judged = (value: number | undefined, target: number): string => (value === undefined || Number.isNaN(value) ? "quiet" : value <= target ? "ok" : value <= 2 * target ? "warn" : "bad");
  const ms = (value: number | undefined): JSX.Element => <>{format.millis(value ?? NaN)} <small>ms</small></>;

  return (
    <main class="lagpage">
      <div class="tiles">
        <Tile name="Network lag P50" value={ms(network()?.p50)} note="venue → received" />
        <Show when={Number.isFinite(network()?.p95)}><Tile name="P95" value={ms(network()?.p95)} tone={judged(network()?.p95, TARGETS[0])} note="target 50 ms" /></Show>
        <Tile name="P99" value={ms(network()?.p99)} tone={judged(network()?.p99, TARGETS[1])} note="target 100 ms" />
        <Tile name="Max, last window" value={ms(network()?.max)} note={worst() ? `${worst()!.feed}` : ""} />
        <Tile name="Processed P99" value={ms(total()?.p99)} note="received → in memory" />
        <Tile name="Messages" value={<>{format.count(terminal.rate())} <small>/s</small></>} note={`peak ${format.count(peak())} /s since opened`} />
        <Tile name="Gaps" value={format.count(terminal.status()?.gaps ?? NaN)} tone={terminal.status()?.gaps ? "warn" : "ok"} note="on record, since start" />
      </div>
      <Panel class="timeline" title={<><b>Network lag</b><span class="quiet">ten-second windows</span></>} aside={Number.isFinite(network()?.p95) ? "P50 · P95 · P99, ms" : "P50 · P99, ms"}>
        <LagPlot points={points()} />
        <Show when={points().length < 2}><Empty title="Collecting">A point comes every ten seconds. {points().length ? "One is here." : ""}</Empty></Show>
      </Panel>
      <Panel class="stages" title={<><b>Where the time goes</b><span class="quiet">last window</span></>} aside="ms">
        <Stages rows={lags()?.data ?? []} />
      </Panel>
      <LagHistogram feeds={feeds()} />
      <Panel class="byfeed" title={<><b>By feed</b><span class="quiet">since start</span></>} aside="ms">
        <HopTable rows={lags()?.total ?? []} />
      </Panel>
      <Panel class="connections" title={<b>Connections</b>} aside={terminal.status() ? `${terminal.status()!.feeds.length}` : ""}><Connections /></Panel>
      <Show when={trouble()}><p class="sr" role="alert">{trouble()}</p></Show>
    </main>
  );
}

/** From received to processed: two hops of our own clocks, whose tails at worst come together. */
function sum(rows: readonly LagRow[]): { p99: number } {
  return { p99: (together(rows, "journal")?.p99 ?? 0) + (together(rows, "engine")?.p99 ?? NaN) };
}

function Stages(props: { rows: readonly LagRow[] }): JSX.Element {
  const found = createMemo(() => HOPS.flatMap(([hop, name, colour]) => { const lag = together(props.rows, hop); return lag ? [{ hop, name, colour, ...lag }] : []; }));
  const bar = createMemo(() => { const own = found().filter((each) => each.hop !== "deliver"); const all = own.reduce((sum, each) => sum + Math.max(0, each.p50), 0); return own.map((each) => ({ ...each, share: all ? Math.max(0, each.p50) / all : 0 })); });
  return (
    <div class="stagebox">
      <Show when={found().length} fallback={<Empty title="No window has closed yet">Lags are told ten seconds at a time.</Empty>}>
        <div class="stack" role="img" aria-label={bar().map((each) => `${each.name} ${format.millis(each.p50)} ms`).join(", ")}>
          <For each={bar()}>{(each) => <i style={{ flex: `${each.share} 1 0`, background: `var(--${each.colour})` }} title={`${each.name} ${format.millis(each.p50)} ms`} />}</For>
        </div>
        <div class="tablebox"><table>
          <thead><tr><th scope="col" class="left">Stage</th><th scope="col">P50</th><th scope="col">P95</th><th scope="col">P99</th><th scope="col">Max</th></tr></thead>
          <tbody><For each={found()}>{(each) => (
            <tr><th scope="row" class="left"><i class="swatch" style={{ background: `var(--${each.colour})` }} aria-hidden="true" />{each.name}</th><td>{format.millis(each.p50)}</td><td>{format.millis(each.p95)}</td><td>{format.millis(each.p99)}</td><td>{format.millis(each.max)}</td></tr>
          )}</For></tbody>
        </table></div>
        <p class="note">The bar splits the medians, which are the middle of each stage and do not add up to that of the whole. Tails are the worst feed's.
          <Show when={found().some((each) => each.suspect)} fallback=" Network lag is the venue's clock against ours."> <span class="warn">A clock is suspect: something arrived before it happened, so network lag is relative and not absolute.</span></Show></p>
      </Show>
    </div>
  );
}

function HopTable(props: { rows: readonly LagRow[] }): JSX.Element {
  const rows = createMemo(() => [...props.rows].filter((row) => row.hop !== "total").sort((a, b) => (a.feed < b.feed ? -1 : a.feed > b.feed ? 1 : order(a.hop) - order(b.hop))));
  return (
    <div class="tablebox" tabIndex={0} role="region" aria-label="Lags by feed and stage"><table>
      <thead><tr><th scope="col" class="left">Feed</th><th scope="col" class="left">Stage</th><th scope="col">Events</th><th scope="col">Min</th><th scope="col">P50</th><th scope="col">P95</th><th scope="col">P99</th><th scope="col">Max</th></tr></thead>
      <tbody><For each={rows()}>{(row) => (
        <tr><th scope="row" class="left">{row.feed}</th><td class="left quiet">{HOPS.find(([hop]) => hop === row.hop)?.[1] ?? row.hop}</td><td>{format.count(row.count)}</td>
          <td class={row.min_ms < 0 ? "bad" : ""}>{format.millis(row.min_ms)}</td><td>{format.millis(row.p50_ms)}</td><td class={row.hop === "network" && (row.p95_ms ?? NaN) > TARGETS[0] ? "warn" : ""}>{format.millis(row.p95_ms ?? NaN)}</td><td class={row.hop === "network" && row.p99_ms > TARGETS[1] ? "warn" : ""}>{format.millis(row.p99_ms)}</td><td>{format.millis(row.max_ms)}</td></tr>
      )}</For></tbody>
    </table></div>
  );
}

const order = (hop: string): number => HOPS.findIndex(([name]) => name === hop);
const TONES: Record<string, string> = { live: "ok", stale: "warn", down: "bad" };

function Connections(): JSX.Element {
  const terminal = useTerminal();
  return (
    <div class="tablebox" tabIndex={0} role="region" aria-label="Connections"><table>
      <thead><tr><th scope="col" class="left">Connection</th><th scope="col">State</th><th scope="col">Last message</th><th scope="col">Events</th><th scope="col">Gaps</th><th scope="col">From</th></tr></thead>
      <tbody>
        <For each={terminal.status()?.feeds ?? []}>{(feed) => (
          <tr><th scope="row" class="left">{feed.feed}</th><td><span class={`word ${TONES[feed.state] ?? "quiet"}`}>{feed.aside && feed.state === "down" ? "idle" : feed.state}</span></td>
            <td>{format.age(feed.age_ms)} ago</td><td>{format.count(feed.rows)}</td><td class={feed.gaps ? "warn" : ""}>{feed.gaps}</td><td class="quiet">{feed.provenance}{feed.delayed ? ", delayed" : ""}{feed.conflated ? ", conflated" : ""}</td></tr>
        )}</For>
        <tr><th scope="row" class="left">this page</th><td><span class={`word ${terminal.isStale ? "warn" : "ok"}`}>{(terminal.second(), terminal.link().state === "open" ? "live" : terminal.link().state)}</span></td>
          <td>{format.age(terminal.link().quietMs)} ago</td><td>{format.count((terminal.second(), terminal.traffic.messages))}</td><td>–</td><td class="quiet">reconnected {terminal.link().reconnects}×</td></tr>
      </tbody>
    </table></div>
  );
}

/** The time line: a true time axis in New York's time, and the two targets. Closed windows only; a pause is a hole. */
function LagPlot(props: { points: Point[] }): JSX.Element {
  let box!: HTMLDivElement;
  let plot: uPlot | null = null;
  const data = (): uPlot.AlignedData => {
    const rows: [number, number | null, number | null, number | null][] = [];
    for (const point of props.points) {
      const last = rows.at(-1);
      if (last && point.t - last[0] > 25) rows.push([last[0] + 10, null, null, null]);
      rows.push([point.t, point.p50, Number.isFinite(point.p95) ? point.p95 : null, point.p99]);
    }
    return [0, 1, 2, 3].map((at) => rows.map((row) => row[at]!)) as unknown as uPlot.AlignedData;
  };
  const targets = (made: uPlot): void => {
    const { ctx: pen, bbox } = made;
    pen.save();
    pen.strokeStyle = pen.fillStyle = token("muted");
    pen.setLineDash([4, 4]);
    pen.font = `${11 * devicePixelRatio}px ${token("ui-family")}`;
    pen.textAlign = "left"; // the axes left it at the right
    pen.textBaseline = "alphabetic";
    for (const target of TARGETS) {
      const y = made.valToPos(target, "y", true);
      if (y < bbox.top || y > bbox.top + bbox.height) continue;
      pen.beginPath();
      pen.moveTo(bbox.left, y);
      pen.lineTo(bbox.left + bbox.width, y);
      pen.stroke();
      pen.fillText(`target ${target} ms`, bbox.left + 8, y - 5);
    }
    pen.restore();
  };
  const make = (): void => {
    plot?.destroy();
    const axis = { stroke: token("muted"), grid: { stroke: token("grid"), width: 1 }, ticks: { stroke: token("line"), width: 1 }, font: `11px ${token("ui-family")}` };
    const line = (label: string, colour: string, dash?: number[]): uPlot.Series => ({ label, stroke: token(colour), width: 1.6, value: (_, value) => (value == null ? "–" : `${format.millis(value)} ms`), ...(dash ? { dash } : {}), points: { show: props.points.length < 8 } });
    plot = new uPlot({
      width: box.clientWidth, height: box.clientHeight - 34,
      scales: { x: { range: (_, low, high) => (props.points.length > 1 ? [low, high] : around(props.points[0])) }, y: { range: (_, __, high) => [0, Math.max(10, high * 1.15)] } },
      axes: [{ ...axis, space: 76, values: (_, ticks) => ticks.map((tick) => clock(tick * 1000).replace(/:00$/, "")) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => (tick < 1000 ? `${tick} ms` : `${tick / 1000} s`)) }],
      series: [{ label: "ET", value: (_, value) => (value == null ? "–" : clock(value * 1000)) }, line("P50", "up"), line("P95", "warn"), line("P99", "down", [5, 3])],
      hooks: { draw: [targets] },
      cursor: { y: false },
    }, data(), box);
  };
  createEffect(on(theme, () => queueMicrotask(make)));
  createEffect(on(() => props.points.length >= 8, () => queueMicrotask(make), { defer: true }));
  createEffect(on(() => props.points, () => plot?.setData(data())));
  const settle = (element: HTMLDivElement): void => {
    box = element;
    const watcher = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: element.clientHeight - 34 }));
    watcher.observe(element);
    onCleanup(() => (watcher.disconnect(), plot?.destroy()));
  };
  const summary = (): string => { const last = props.points.at(-1); return last ? `Network lag: the newest window has a median of ${format.millis(last.p50)} ms, a P95 of ${format.millis(last.p95)} ms and a P99 of ${format.millis(last.p99)} ms; ${props.points.length} windows are shown.` : "No window yet."; };
  return <div class="lagplot ticks" ref={settle} role="img" aria-label={summary()} />;
}
