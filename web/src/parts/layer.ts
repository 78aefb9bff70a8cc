// Something of ours that is painted on a price chart, under or over its bars.

import type { IChartApi, IPrimitivePaneRenderer, IPrimitivePaneView, ISeriesApi, ISeriesPrimitive, PrimitivePaneViewZOrder, SeriesAttachedParameter, SeriesType, Time, UTCTimestamp } from "lightweight-charts";

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];
export type Pen = CanvasRenderingContext2D;

export abstract class Layer implements ISeriesPrimitive<Time> {
  private chart: IChartApi | null = null;
  private series: ISeriesApi<SeriesType> | null = null;
  private update: (() => void) | null = null;

  constructor(private readonly order: PrimitivePaneViewZOrder) {}

  attached(given: SeriesAttachedParameter<Time>): void {
    this.chart = given.chart as IChartApi;
    this.series = given.series as ISeriesApi<SeriesType>;
    this.update = given.requestUpdate;
  }

  detached(): void {
    this.chart = this.series = this.update = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    const draw = (target: Target): void => target.useMediaCoordinateSpace(({ context, mediaSize }) => this.paint(context, mediaSize.width, mediaSize.height));
    return [{ zOrder: () => this.order, renderer: () => ({ draw }) }];
  }

  protected abstract paint(pen: Pen, width: number, height: number): void;

  protected changed(): void {
    this.update?.();
  }

  /** Where a slot of the axis is, in pixels; null for one that the axis has not. In the chart's own (shifted) seconds. */
  protected x(seconds: number): number | null {
    return this.chart?.timeScale().timeToCoordinate(seconds as UTCTimestamp) ?? null;
  }

  protected y(price: number): number | null {
    return this.series?.priceToCoordinate(price) ?? null;
  }

  protected get spacing(): number {
    return this.chart?.timeScale().options().barSpacing ?? 6;
  }
}
