// The other instrument on a price chart: a line in percent on a scale of its own, which stands where 0 % is our price at the
// same moment and 1 % is as tall as ours.

import { LineSeries, type AutoscaleInfo, type IChartApi, type ISeriesApi, type Time } from "lightweight-charts";
import { span, type Comparison } from "../core/compare";
import { STEPS, type Bar, type GapSpan, type Interval } from "../core/bars";
import * as format from "../core/format";
import { token } from "../core/settings";
import { slot, unslot } from "./axis";

type Provider = (own: () => AutoscaleInfo | null) => AutoscaleInfo | null;

export class OtherLine {
  private readonly line: ISeriesApi<"Line">;
  private found: Comparison | null = null;
  private ours: readonly Bar[] = [];
  private interval: Interval = "1m";

  constructor(private readonly chart: IChartApi) {
    this.line = chart.addSeries(LineSeries, {
      priceScaleId: "left", lineWidth: 2, priceLineVisible: false, lastValueVisible: false, visible: false,
      priceFormat: { type: "custom", minMove: 0.01, formatter: (value: number) => `${format.signed(value.toFixed(2))}%` },
      autoscaleInfoProvider: (() => this.range((percent) => percent)) as Provider,
    });
    chart.priceScale("left").applyOptions({ scaleMargins: { top: 0.12, bottom: 0.06 } });
  }

  dress(): void {
    this.line.applyOptions({ color: token("text") });
    this.chart.applyOptions({ leftPriceScale: { borderColor: token("line") } });
  }

  get isShown(): boolean {
    return this.found !== null;
  }

  /** Nothing is drawn across a gap of the other one, either. */
  show(found: Comparison | null, ours: readonly Bar[], gaps: readonly GapSpan[], interval: Interval): void {
    const step = STEPS[interval] * 1000;
    this.ours = ours;
    this.interval = interval;
    if (!found && !this.found) return;
    if (!found !== !this.found) {
      this.chart.applyOptions({ leftPriceScale: { visible: found !== null }, handleScale: { axisPressedMouseMove: { time: true, price: found === null } } });
      this.line.applyOptions({ visible: found !== null });
    }
    this.found = found;
    this.line.setData((found?.points ?? []).map((point, at, all) => {
      const before = all[at - 1];
      const cut = before !== undefined && gaps.some((gap) => gap.from < point.t + step && gap.to > before.t + step);
      return { time: slot(point.t, interval), value: point.value, ...(cut ? { color: "transparent" } : {}) };
    }));
  }

  /** How the scale of our prices must stand: the same percentages, in prices. */
  readonly matched: Provider = (own) => (this.found ? this.range((percent) => this.found!.base * (1 + percent / 100)) ?? own() : own());

  /** Ours alone says where its scale stands: an average may be far from what is shown. */
  readonly aside: Provider = (own) => (this.found ? null : own());

  private range(as: (percent: number) => number): AutoscaleInfo | null {
    const seen = this.chart.timeScale().getVisibleRange();
    const at = (time: Time): number => unslot(time, this.interval, this.ours[0]?.t ?? 0);
    const both = this.found && seen && span(this.found, this.ours, at(seen.from), at(seen.to));
    return both ? { priceRange: { minValue: as(both[0]), maxValue: as(both[1]) } } : null;
  }
}
