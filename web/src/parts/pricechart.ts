// lightweight-charts, told what we know: bars, the time between them, gaps, averages; an axis in New York's time.

import {
  AreaSeries, BarSeries, CandlestickSeries, ColorType, createChart, createSeriesMarkers, createTextWatermark, CrosshairMode, HistogramSeries, LineSeries, LineStyle,
  type IChartApi, type IPriceLine, type ISeriesApi, type ISeriesMarkersPluginApi, type ITextWatermarkPluginApi, type Time, type UTCTimestamp,
} from "lightweight-charts";
import { dateSaid, empties, heikin, spacious, STEPS, vwap, type Bar, type GapSpan, type Interval } from "../core/bars";
import type { Comparison } from "../core/compare";
import { clock, day } from "../core/eastern";
import { reading, type Place, type Stretch } from "../core/measure";
import { saidOf, type Mark } from "../core/rules";
import { sessionSpans } from "../core/sessions";
import { token } from "../core/settings";
import { slot, slotOf, unslot } from "./axis";
import { Hatch } from "./hatch";
import { MeasureBox } from "./measurebox";
import { OtherLine } from "./otherline";
import { SessionShade } from "./shade";

export type Style = "candle" | "bar" | "line" | "heikin";
export type Level = { price: number; title: string; colour: string; solid?: boolean };
type Main = ISeriesApi<"Candlestick"> | ISeriesApi<"Bar"> | ISeriesApi<"Area">;

/** Slots that have their width on the axis, with a bar or without: the newest. Each costs whenever bars are shown anew. */
const WIDE = 10_000;
/** This many bars from the oldest, those before it are asked for. */
const NEAR = 20;
/** More marks than these have no words: they would cover each other. */
const NAMED_MARKS = 12;

const real = (seconds: number, bars: readonly Bar[], times: Map<number, number>): Bar | undefined => bars[times.get(seconds) ?? -1];

export class PriceChart {
  private readonly chart: IChartApi;
  private main: Main;
  private readonly volume: ISeriesApi<"Histogram">;
  private readonly average: ISeriesApi<"Line">;
  private readonly space: ISeriesApi<"Line">;
  private readonly hatch = new Hatch();
  private readonly shade = new SessionShade();
  private readonly box = new MeasureBox();
  private readonly other: OtherLine;
  private markers!: ISeriesMarkersPluginApi<Time>;
  private readonly mark: ITextWatermarkPluginApi<Time>;
  private style: Style = "candle";
  private synthetic = false;
  private aged = false;
  private bars: Bar[] = [];
  private drawn: Bar[] = [];
  private places = new Map<number, number>();
  private spaces = "";
  private interval: Interval = "1m";
  private decimals = 2;
  private lines: IPriceLine[] = [];
  private wanted: Level[] = [];
  private marks: readonly Mark[] = [];
  private stretch: Stretch | null = null;
  private fitted = "";
  /** What was asked for may be answered when the chart is no more. */
  private gone = false;

  constructor(readonly element: HTMLElement, private readonly pointed: (bar: Bar | null) => void, private readonly begins: () => void = () => undefined, withVolumePane = true) {
    this.chart = createChart(element, {
      autoSize: true,
      layout: { attributionLogo: true, fontSize: 11, panes: { enableResize: true } },
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { timeVisible: true, secondsVisible: true, rightOffset: 4, minBarSpacing: 0.5, barSpacing: 7 },
      localization: { timeFormatter: (at: Time) => this.said(at as number) },
      rightPriceScale: { scaleMargins: { top: 0.12, bottom: 0.06 } },
    });
    this.other = new OtherLine(this.chart);
    this.main = this.makeMain();
    this.average = this.chart.addSeries(LineSeries, { lineWidth: 1, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false, autoscaleInfoProvider: this.other.aside });
    // Time without a trade has a series of its own: whitespace in the live one breaks its updates.
    this.space = this.chart.addSeries(LineSeries, { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false });
    this.volume = this.chart.addSeries(HistogramSeries, { priceFormat: { type: "volume" }, priceLineVisible: false, lastValueVisible: false }, withVolumePane ? 1 : 0);
    this.mark = createTextWatermark(this.chart.panes()[0]!, { horzAlign: "center", vertAlign: "center", lines: [] });
    this.chart.panes()[1]?.setHeight(78);
    this.chart.subscribeCrosshairMove((event) => {
      const seconds = event.time as number | undefined;
      this.pointed(seconds === undefined ? null : (real(seconds, this.bars, this.places) ?? null));
    });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((seen) => seen && this.bars.length && seen.from < NEAR && this.begins());
    this.dress();
  }

  destroy(): void {
    this.gone = true;
    this.chart.remove();
  }

  /** Take the theme's colours. What is old loses them all (`.aged`): a candle that rose is hollow then. */
  dress(synthetic = this.synthetic, aged = this.aged): void {
    if (this.gone) return;
    this.synthetic = synthetic;
    this.aged = aged;
    const [text, line, up, down] = [token("muted"), token("line"), token("up"), token("down")];
    this.chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: "transparent" }, textColor: text, fontFamily: token("ui-family"), panes: { separatorColor: line, separatorHoverColor: line } },
      grid: { vertLines: { color: token("grid") }, horzLines: { color: token("grid") } },
      crosshair: { vertLine: { color: text, labelBackgroundColor: token("raised") }, horzLine: { color: text, labelBackgroundColor: token("raised") } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    if (this.style === "line") this.main.applyOptions({ lineColor: token("accent"), topColor: token("accent-wash"), bottomColor: "transparent" });
    else this.main.applyOptions({ upColor: aged && this.style !== "bar" ? "transparent" : up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: aged, borderUpColor: up, borderDownColor: down });
    this.average.applyOptions({ color: token("warn") });
    this.shade.dress({ wash: token("accent-wash"), closed: token("closed"), text, font: token("ui-family") });
    this.other.dress();
    this.marked(this.marks);
    this.measured(this.stretch);
    this.mark.applyOptions({ lines: synthetic ? [{ text: "SYNTHETIC", color: token("mark"), fontSize: 52, fontStyle: "bold" }] : [] });
    this.paintVolume();
  }

  draw(style: Style): void {
    if (this.gone) return;
    if (style === this.style) return;
    this.style = style;
    this.chart.removeSeries(this.main);
    this.main = this.makeMain();
    this.lines = [];
    this.levels(this.wanted);
    this.dress();
    this.show(this.bars, this.interval, this.decimals);
  }

  /** Show these bars and nothing else. */
  show(bars: Bar[], interval: Interval, decimals: number, key = ""): void {
    if (this.gone) return;
    this.bars = bars;
    this.interval = interval;
    if (decimals !== this.decimals || key !== this.fitted) {
      this.decimals = decimals;
      const priceFormat = { type: "price" as const, precision: decimals, minMove: 10 ** -decimals };
      this.main.applyOptions({ priceFormat });
      this.average.applyOptions({ priceFormat });
    }
    this.drawn = this.style === "heikin" ? heikin(bars) : bars;
    this.places = new Map(bars.map((bar, place) => [this.slot(bar.t), place]));
    if (this.style === "line") (this.main as ISeriesApi<"Area">).setData(bars.map((bar) => ({ time: this.slot(bar.t), value: bar.close })));
    else (this.main as ISeriesApi<"Candlestick">).setData(this.drawn.map((bar) => ({ time: this.slot(bar.t), open: bar.open, high: bar.high, low: bar.low, close: bar.close })));
    const wide = spacious(bars, interval, WIDE), spaces = empties(wide, interval);
    this.shade.set(sessionSpans(wide, interval).map(({ from, to, shade }) => ({ from: this.slot(from), to: this.slot(to), shade })));
    const known = [interval, spaces.length, spaces[0], spaces.reduce((sum, t) => sum + t, 0)].join(" ");
    if (known !== this.spaces) this.space.setData(spaces.map((t) => ({ time: this.slot(t) })));
    this.spaces = known;
    this.paintVolume();
    this.chart.applyOptions({ timeScale: { secondsVisible: STEPS[interval] < 60, timeVisible: interval !== "1d" } });
    if (key !== this.fitted && bars.length) {
      this.fitted = key;
      const shown = Math.min(bars.length + spaces.length, 150);
      this.chart.timeScale().applyOptions({ barSpacing: Math.max(4, Math.min(12, this.chart.timeScale().width() / (shown + 6))) });
      this.chart.timeScale().scrollToRealTime();
    }
  }

  /** The newest bar grew, or the next one opened. */
  update(): void {
    if (this.gone) return;
    const bar = this.bars.at(-1);
    if (!bar) return;
    if (this.style === "heikin") return this.show(this.bars, this.interval, this.decimals, this.fitted);
    this.places.set(this.slot(bar.t), this.bars.length - 1);
    if (this.style === "line") (this.main as ISeriesApi<"Area">).update({ time: this.slot(bar.t), value: bar.close });
    else (this.main as ISeriesApi<"Candlestick">).update({ time: this.slot(bar.t), open: bar.open, high: bar.high, low: bar.low, close: bar.close });
    this.volume.update({ time: this.slot(bar.t), value: bar.volume, color: this.tint(bar) });
  }

  hatched(gaps: GapSpan[]): void {
    if (this.gone) return;
    const at = (ms: number): number => slotOf(ms, this.interval, this.bars[0]?.t ?? 0);
    this.hatch.set(gaps.map((gap) => ({ from: at(gap.from), to: at(gap.to) })), this.bars.map((bar) => this.slot(bar.t)), STEPS[this.interval], token("warn"));
  }

  /** Show or hide the average price. The segment that would cross a gap, or a night, has no colour. */
  averaged(on: boolean, gaps: GapSpan[]): void {
    if (this.gone) return;
    if (!on) return this.average.setData([]);
    const step = STEPS[this.interval] * 1000;
    const values = vwap(this.bars, day);
    this.average.setData(this.bars.flatMap((bar, place) => {
      const value = values[place], before = this.bars[place - 1];
      if (value == null) return [];
      const cut = before !== undefined && (day(before.t) !== day(bar.t) || gaps.some((gap) => gap.from < bar.t + step && gap.to > before.t + step));
      return [{ time: this.slot(bar.t), value, ...(cut ? { color: "transparent" } : {}) }];
    }));
  }

  /** Horizontal lines with a title: the first price of the day, prices whose crossing is told. */
  levels(levels: Level[]): void {
    if (this.gone) return;
    this.wanted = levels;
    for (const line of this.lines) this.main.removePriceLine(line);
    this.lines = levels.map((level) => this.main.createPriceLine({ price: level.price, title: level.title, color: level.colour, lineWidth: 1, lineStyle: level.solid ? LineStyle.Solid : LineStyle.Dashed, axisLabelVisible: true }));
  }

  /** Mark the bars in which something was told. */
  marked(marks: readonly Mark[]): void {
    if (this.gone) return;
    this.marks = marks;
    this.markers.setMarkers(marks.map((mark) => ({ time: this.slot(mark.t), position: "aboveBar" as const, shape: "arrowDown" as const, color: token("warn"), size: 1, ...(marks.length <= NAMED_MARKS ? { text: saidOf(mark) } : {}) })));
  }

  /** Draw another instrument in percent, or none. */
  compared(found: Comparison | null, gaps: readonly GapSpan[]): void {
    if (!this.gone) this.other.show(found, this.bars, gaps, this.interval);
  }

  /** Draw what is measured, and say it. */
  measured(stretch: Stretch | null): string {
    if (this.gone) return "";
    this.stretch = stretch;
    const way = stretch && stretch.to.price < stretch.from.price ? "down" : "up";
    const look = { line: token(way), wash: token(`${way}-wash`), ground: token("panel"), text: token("text"), font: token("ui-family") };
    const text = stretch ? reading(stretch, this.bars, this.decimals) : "";
    this.box.set(stretch && { from: this.slot(stretch.from.ms), to: this.slot(stretch.to.ms), low: stretch.from.price, high: stretch.to.price, text }, look);
    return text;
  }

  /** What is at a point of the element, in its pixels; null beside the prices. */
  placeAt(x: number, y: number): Place | null {
    const left = this.other.isShown ? this.chart.priceScale("left").width() : 0;
    const time = this.chart.timeScale().coordinateToTime(x - left), price = this.main.coordinateToPrice(y);
    return time === null || price === null || y > this.chart.paneSize().height ? null : { ms: unslot(time, this.interval, this.bars[0]?.t ?? 0), price };
  }

  /** Whether the pointer moves the chart along. */
  moves(on: boolean): void {
    if (!this.gone) this.chart.applyOptions({ handleScroll: on, handleScale: { mouseWheel: on, pinch: on } });
  }

  fit(): void {
    if (this.gone) return;
    this.chart.timeScale().fitContent();
  }

  scroll(bars: number): void {
    const scale = this.chart.timeScale();
    scale.scrollToPosition(scale.scrollPosition() + bars, false);
  }

  zoom(by: number): void {
    const scale = this.chart.timeScale();
    scale.applyOptions({ barSpacing: Math.max(0.5, Math.min(60, scale.options().barSpacing * by)) });
  }

  picture(): HTMLCanvasElement {
    return this.chart.takeScreenshot(true);
  }

  private makeMain(): Main {
    const main =
      this.style === "line" ? this.chart.addSeries(AreaSeries, { lineWidth: 2 })
      : this.style === "bar" ? this.chart.addSeries(BarSeries, { thinBars: false })
      : this.chart.addSeries(CandlestickSeries, { borderVisible: false });
    main.applyOptions({ autoscaleInfoProvider: this.other.matched });
    for (const layer of [this.shade, this.hatch, this.box]) main.attachPrimitive(layer);
    // A mark that made room for itself would move our scale against the other one's.
    this.markers = createSeriesMarkers<Time>(main, [], { autoScale: false });
    return main;
  }

  private tint(bar: Bar): string {
    return bar.close >= bar.open ? token("up-volume") : token("down-volume");
  }

  private paintVolume(): void {
    const up = token("up-volume"), down = token("down-volume");
    this.volume.setData(this.bars.map((bar) => ({ time: this.slot(bar.t), value: bar.volume, color: bar.close >= bar.open ? up : down })));
  }

  private slot(ms: number): UTCTimestamp {
    return slot(ms, this.interval);
  }

  private said(seconds: number): string {
    const bar = real(seconds, this.bars, this.places);
    if (this.interval === "1d") return dateSaid(bar?.t ?? unslot(seconds as UTCTimestamp, "1d", this.bars[0]?.t ?? 0));
    const wall = new Date(seconds * 1000).toISOString();
    return bar ? `${day(bar.t)} ${clock(bar.t)} ET` : `${wall.slice(0, 10)} ${wall.slice(11, 19)} ET`;
  }
}
