import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import type { Bar, GapSpan } from "../core/bars";
import { clock, day } from "../core/eastern";
import * as format from "../core/format";
import { bind } from "../core/keys";
import { STALE_MS } from "../core/line";
import { named } from "../core/protocol";
import { saidOf } from "../core/rules";
import { get } from "../core/rest";
import { theme, token } from "../core/settings";
import { useTerminal } from "../core/terminal";
import { createAged } from "../parts/aged";
import { createAlertLines } from "../parts/alertlines";
import { CompareBox, createCompare, Standing } from "../parts/comparing";
import { createInterval, Intervals } from "../parts/intervals";
import { createMeasure } from "../parts/measuring";
import { Panel } from "../parts/panel";
import type { PriceChart, Style } from "../parts/pricechart";
import { Prices } from "../parts/prices";
import { TapeList } from "../parts/tapelist";

const STYLES: [Style, string][] = [["candle", "Candles"], ["bar", "Bars"], ["line", "Line"], ["heikin", "Heikin"]];

type Stock = {
  id: string; provenance: string; state: string; age_ms: number | null;
  change: string | null; change_percent: string | null; change_from: keyof typeof SINCE | null;
  trade: { price: string; size: string; side: string | null } | null;
  quote: { bid: string | null; ask: string | null; bid_size: string | null; ask_size: string | null; spread: string | null } | null;
  day: { date: string; open: string | null; high: string | null; low: string | null; volume: string | null; trades: number | null; change: string | null; change_percent: string | null } | null;
};

const SINCE = { previous_close: "since close", day_open: "since open" };

export default function Chart(): JSX.Element {
  const terminal = useTerminal();
  const [interval, setInterval, suit] = createInterval();
  const [style, setStyle] = createSignal<Style>("candle");
  const [average, setAverage] = createSignal(true);
  const [opened, setOpened] = createSignal(true);
  const [table, setTable] = createSignal(false);
  const [stock, setStock] = createSignal<Stock | null>(null);
  const [bars, setBars] = createSignal<readonly Bar[]>([], { equals: false });
  const [gaps, setGaps] = createSignal<readonly GapSpan[]>([]);
  const [chart, setChart] = createSignal<PriceChart | null>(null);
  const [pointed, setPointed] = createSignal<Bar | null>(null);
  const aged = createAged();
  const alerts = createAlertLines(bars, interval);
  const compare = createCompare(chart, bars, interval);
  const measure = createMeasure(chart, bars, () => [terminal.selected(), interval()].join(" "));
  const name = (): string[] => named(terminal.selected() ?? "");

  createEffect(() => {
    const id = terminal.selected();
    if (terminal.second() % 2 || !id || terminal.isFrozen || !terminal.isKnown()) return;
    get<Stock>(`stocks/${encodeURIComponent(id)}`).then((found) => terminal.selected() === id && setStock(found), () => setStock(null));
  });
  createEffect(on(terminal.selected, () => setStock(null)));
  createEffect(() => {
    const first = stock()?.day?.open;
    theme();
    const open = opened() && first ? [{ price: Number(first), title: "open", colour: token("muted") }] : [];
    chart()?.levels([...open, ...alerts.lines().map((line) => ({ ...line, colour: token("accent"), solid: true }))]);
  });
  createEffect(() => chart()?.marked(alerts.marks()));
  const mark = createMemo(() => { const at = (pointed() ?? bars().at(-1))?.t; return alerts.marks().find((each) => each.t === at); });
  onCleanup(bind({
    v: () => setAverage(!average()), T: () => setTable(!table()),
    ArrowLeft: () => chart()?.scroll(-5), ArrowRight: () => chart()?.scroll(5), "+": () => chart()?.zoom(1.25), "-": () => chart()?.zoom(0.8), Home: () => chart()?.fit(),
  }));

  const save = (): void => {
    chart()?.picture().toBlob((blob) => {
      if (!blob) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${terminal.selected()}-${interval()}.png`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  };
  const rows = (form: string): string => {
    const from = bars()[0]?.t;
    const query = new URLSearchParams({ symbol: terminal.selected() ?? "", kind: "bars", interval: { "5s": "1s", "15m": "5m" }[interval() as string] ?? interval(), format: form, limit: "100000" });
    if (from !== undefined) query.set("start", new Date(from).toISOString());
    return `/api/v1/history?${query}`;
  };

  return (
    <main class="chartpage" classList={{ aged: aged() !== null }}>
      <Panel class="chart" title={<><b>{name()[0]}</b><span class="quiet">{name()[1]?.replace("_", " ")}</span></>} aside={
        <>
          <Intervals value={interval()} set={setInterval} />
          <span class="choices wide" role="group" aria-label="Drawing">
            <For each={STYLES}>{([each, title]) => <button aria-pressed={style() === each} onClick={() => setStyle(each)}>{title}</button>}</For>
          </span>
          <span class="choices wide" role="group" aria-label="On the chart">
            <button aria-pressed={average()} onClick={() => setAverage(!average())} title="Average price by size, since the first bar of the New York day (v)">VWAP</button>
            <button aria-pressed={opened()} onClick={() => setOpened(!opened())} title="The day's first price that we know">Open</button>
          </span>
          <CompareBox compare={compare} />
          <span class="choices" role="group" aria-label="View"><button aria-pressed={measure.on()} onClick={() => measure.toggle(false)} title="Measure by a drag or two clicks; with Shift at any time (m)">Measure</button><button aria-pressed={table()} onClick={() => setTable(!table())} title="The bars as a table (T)">Table</button></span>
        </>
      }>
        <Prices interval={interval()} style={style()} vwap={average()} table={table()} onChart={setChart} onBars={(found, missing) => { suit(found); setBars(found); setGaps(missing); }} onPointed={setPointed}>
          <Standing compare={compare} bars={bars()} pointed={pointed()} ours={terminal.selected() ?? ""} interval={interval()} />
          <Show when={mark()}>{(told) => <span class="gapnote"><span aria-hidden="true">▼</span>{saidOf(told())}</span>}</Show>
        </Prices>
        <p class="sr" role="status" aria-label="Measured">{measure.said()}</p>
      </Panel>
      <div class="column">
        <Panel class="facts" title={<b>Day</b>} aside={<span>{stock()?.day?.date ?? ""} UTC</span>}><Facts stock={stock()} /></Panel>
        <Panel class="facts gaps" title={<b>Gaps</b>} aside={<span>{gaps().length} on record</span>}>
          <Show when={gaps().length} fallback={<p class="note">{!terminal.isKnown() ? "nothing is kept of this instrument" : terminal.link().quietMs > STALE_MS ? "none was on record when the server was heard last" : <><span class="ok">✓</span> none is on record for this instrument</>}</p>}>
            <ul class="list" tabIndex={0} aria-label="Gaps">
              <For each={[...gaps()].reverse().slice(0, 50)}>{(gap) => (
                <li><span class="figures">{day(gap.from).slice(5)} {clock(gap.from)} → {clock(gap.to)}</span><span class="warn">{format.age(gap.to - gap.from)}</span><span class="quiet">{gap.reason.replaceAll("_", " ")}</span></li>
              )}</For>
            </ul>
          </Show>
        </Panel>
        <Panel class="sales" title={<b>Time &amp; sales</b>} aside="ET"><TapeList /></Panel>
        <Panel class="facts take" title={<b>Take it with you</b>}>
          <p class="links"><button onClick={save}>PNG</button><a href={rows("csv")} download="">CSV</a><a href={rows("parquet")} download="">Parquet</a><a href={rows("arrow")} download="">Arrow</a></p>
        </Panel>
      </div>
    </main>
  );
}

function Facts(props: { stock: Stock | null }): JSX.Element {
  const facts = (): [string, string, string?][] => {
    const { day: its, quote } = props.stock ?? {};
    const moved = Number(props.stock?.change_percent ?? NaN);
    return [
      [SINCE[props.stock?.change_from ?? "day_open"], `${format.signed(props.stock?.change)}  ${format.percent(moved)}`, format.tone(moved)],
      ["open", format.exact(its?.open)], ["high", format.exact(its?.high)], ["low", format.exact(its?.low)],
      ["volume", format.short(its?.volume)], ["trades", its?.trades == null ? format.NONE : format.count(its.trades)],
      ["bid", `${format.exact(quote?.bid)} × ${format.short(quote?.bid_size)}`], ["ask", `${format.exact(quote?.ask)} × ${format.short(quote?.ask_size)}`],
      ["spread", format.exact(quote?.spread)], ["feed", props.stock?.state ?? format.NONE],
    ];
  };
  return <dl class="pairs ticks"><For each={facts()}>{([name, value, tone]) => <div><dt>{name}</dt><dd class={tone ?? ""}>{value}</dd></div>}</For></dl>;
}
