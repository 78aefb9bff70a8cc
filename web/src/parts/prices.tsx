// A price chart of the chosen instrument, with its legend: the same on the Monitor and on the Chart.

import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import { BarFeed, type Trouble } from "../core/barfeed";
import { dateSaid, stateOf, STEPS, type Bar, type GapSpan, type Interval } from "../core/bars";
import { clock, day, utc } from "../core/eastern";
import * as format from "../core/format";
import { isFrozen, paint, touch } from "../core/loop";
import { hasSessions, sessionOf, SHADES, type Shade } from "../core/sessions";
import { theme, ticks } from "../core/settings";
import { useTerminal } from "../core/terminal";
import { createAged } from "./aged";
import { BarTable } from "./bartable";
import { Empty } from "./panel";
import { PriceChart, type Style } from "./pricechart";

export type PricesProps = {
  interval: Interval;
  style?: Style;
  vwap?: boolean;
  table?: boolean;
  /** A legend of one line: the Monitor has no room for more. */
  compact?: boolean;
  onChart?: (chart: PriceChart) => void;
  onBars?: (bars: readonly Bar[], gaps: readonly GapSpan[]) => void;
  onPointed?: (bar: Bar | null) => void;
  /** What else stands under the legend. */
  children?: JSX.Element;
};

const HOUR_MS = 3_600_000;

export function Prices(props: PricesProps): JSX.Element {
  const terminal = useTerminal();
  const [bars, setBars] = createSignal<readonly Bar[]>([], { equals: false });
  const [gaps, setGaps] = createSignal<GapSpan[]>([]);
  const [pointed, setPointed] = createSignal<Bar | null>(null);
  const [trouble, setTrouble] = createSignal<Trouble>(null);
  const [loaded, setLoaded] = createSignal(false);
  const [origin, setOrigin] = createSignal("");
  const aged = createAged();
  let chart: PriceChart | null = null;
  let feed: BarFeed | null = null;
  let pending: "all" | "last" | null = null;

  const outside = (bar: Bar): string => (hasSessions(bars()) && props.interval !== "1d" ? (SHADES[sessionOf(bar, props.interval) as Shade] ?? "") : "");
  const decimals = (): number => {
    const at = terminal.market.place.get(terminal.selected() ?? "");
    return at === undefined ? 2 : Math.max(2, terminal.market.hints[at]!);
  };

  // What came is drawn with the frame, however many trades it was, and not while the screen is frozen.
  const draw = (): void => {
    if (!pending || !chart || !feed || isFrozen()) return;
    const what = pending;
    pending = null;
    if (what === "last") chart.update();
    else {
      chart.show(feed.bars, feed.interval, decimals(), `${feed.id} ${feed.interval}`);
      chart.hatched(feed.gaps);
      chart.averaged(props.vwap ?? false, feed.gaps);
      setGaps(feed.gaps);
      if (feed.provenance !== origin()) setOrigin(feed.provenance);
    }
    setLoaded(feed.loaded);
    setBars(feed.bars);
    props.onBars?.(feed.bars, feed.gaps);
  };
  onCleanup(paint(draw));

  createEffect(on([terminal.selected, () => props.interval], ([id, interval]) => {
    setLoaded(false);
    setTrouble(null);
    setBars([]);
    setPointed(null);
    if (!id) return;
    feed = new BarFeed(terminal, id, interval, (what) => { pending = pending === "all" ? "all" : what; touch(); }, setTrouble);
    pending = "all"; // what is drawn is of another name or interval
    touch();
    const mine = feed;
    onCleanup(() => mine.close());
  }));
  // The sum of what is on record may stand still while a server starts anew, and then the connection tells.
  const record = createMemo(() => [terminal.status()?.gaps, terminal.link().reconnects].join(" "));
  createEffect(on(record, () => feed?.missed(), { defer: true }));
  createEffect(on([theme, ticks, origin, aged], () => queueMicrotask(() => chart?.dress(origin() === "synthetic", aged() !== null))));
  createEffect(on(() => props.style ?? "candle", (style) => chart?.draw(style)));
  createEffect(on(() => props.vwap, () => { pending = "all"; touch(); }));

  const settle = (element: HTMLDivElement): void => {
    // The chart asks for its size at once: it is made when the element has one.
    queueMicrotask(() => {
      chart = new PriceChart(element, (bar) => { setPointed(bar); props.onPointed?.(bar); }, () => void feed?.older());
      chart.draw(props.style ?? "candle");
      chart.dress(origin() === "synthetic", aged() !== null);
      props.onChart?.(chart);
      pending = "all";
      touch();
    });
    onCleanup(() => chart?.destroy());
  };

  const opened = (bar: Bar): string => (props.interval === "1d" ? dateSaid(bar.t) : `${day(bar.t)} ${clock(bar.t)} ET`);
  /** When the newest bar is, where that is not now. */
  const past = createMemo(() => {
    terminal.second();
    const last = bars().at(-1), step = STEPS[props.interval] * 1000;
    const old = last ? terminal.now() - last.t - step : 0;
    return last && old > Math.max(HOUR_MS, 2 * step) ? `newest bar ${opened(last)}, ${format.age(old)} ago` : "";
  });
  const told = createMemo(() => pointed() ?? bars().at(-1) ?? null);
  const summary = createMemo(() => {
    const all = bars(), first = all[0], last = all.at(-1);
    if (!first || !last) return "No bars yet.";
    const high = Math.max(...all.map((bar) => bar.high)), low = Math.min(...all.map((bar) => bar.low)), d = decimals();
    return `${all.length} bars of ${props.interval} from ${opened(first)} to ${opened(last)}: first ${first.open.toFixed(d)}, last ${last.close.toFixed(d)}, high ${high.toFixed(d)}, low ${low.toFixed(d)}; ${gaps().length} gaps.`;
  });

  return (
    <div class="prices ticks">
      <Show when={!props.table} fallback={<BarTable bars={bars()} now={(terminal.second(), terminal.now())} decimals={decimals()} interval={props.interval} />}>
        <div class="over">
          <Legend bar={told()} decimals={decimals()} interval={props.interval} compact={props.compact ?? false} session={told() ? outside(told()!) : ""} state={told() ? stateOf(told()!, props.interval, (terminal.second(), terminal.now())) : "final"} gaps={gaps().length} />
          <Show when={gaps().length && !props.compact}>
            <span class="gapnote"><i class="hatch" aria-hidden="true" />{gaps().length} {gaps().length === 1 ? "gap" : "gaps"} on record: hatched, and nothing is drawn across</span>
          </Show>
          <Show when={past()}><span class="gapnote">{past()}</span></Show>
          {props.children}
        </div>
        <div class="plot" ref={settle} role="group" aria-label={summary()} />
      </Show>
      <Show when={trouble()}>{(said) => <Empty title="The history cannot be had">{said().sentence}{said().hint ? ` · ${said().hint}` : ""}</Empty>}</Show>
      <Show when={!trouble() && loaded() && bars().length === 0}>
        <Empty title="No trades in this span">Bars of {props.interval} appear here when something is traded.</Empty>
      </Show>
      <Show when={!trouble() && !loaded()}><div class="loading" role="status"><i aria-hidden="true" />loading bars of {props.interval}</div></Show>
    </div>
  );
}

function Legend(props: { bar: Bar | null; decimals: number; interval: Interval; compact: boolean; session: string; state: string; gaps: number }): JSX.Element {
  const parts = (bar: Bar): [string, string][] => [
    ["O", format.fixed(bar.open, props.decimals)], ["H", format.fixed(bar.high, props.decimals)], ["L", format.fixed(bar.low, props.decimals)],
    ["C", format.fixed(bar.close, props.decimals)], ["V", format.shortNumber(bar.volume)], ...(props.compact ? [] : [["n", format.count(bar.trades)] as [string, string]]),
  ];
  const moved = (bar: Bar): number => ((bar.close - bar.open) / bar.open) * 100;
  return (
    <div class="legend" aria-hidden="true">
      <Show when={props.bar} fallback={<span>{format.NONE}</span>}>{(bar) => (
        <>
          <span class="when"><Show when={props.interval !== "1d"} fallback={dateSaid(bar().t)}>{clock(bar().t)} ET<Show when={!props.compact}> <small>{utc(bar().t)} UTC</small></Show></Show></span>
          <For each={parts(bar())}>{([name, value]) => <span><small>{name}</small> {value}</span>}</For>
          <span class={format.tone(moved(bar()))}>{format.percent(moved(bar()))}</span>
          <Show when={props.session}><span class="tag quiet" title="Outside of the regular session">{props.session}</span></Show>
          <Show when={props.state !== "final" && !props.compact}><span class="tag" title={props.state === "forming" ? "Not over yet" : "Its time is over, and its end was not recorded"}>{props.state}</span></Show>
          <Show when={props.compact && props.gaps}><span class="tag warn" title="Hatched: something may be missing there">{props.gaps} {props.gaps === 1 ? "gap" : "gaps"}</span></Show>
          <Show when={bar().completeness < 0.999 && !props.compact}><span class="tag warn" title="How much of this bar's time the feed was heard">{Math.round(bar().completeness * 100)} % heard</span></Show>
        </>
      )}</Show>
    </div>
  );
}
