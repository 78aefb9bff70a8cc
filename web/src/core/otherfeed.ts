// The bars of an instrument that is only compared with: as the store has them, with the one that is not over. Its trades are
// not pushed to us.

import type { Trouble } from "./barfeed";
import { coarser, fromStored, joined, opening, spans, STEPS, type Bar, type GapSpan, type Interval, type StoredGap } from "./bars";
import { named } from "./protocol";
import { get, type Listed } from "./rest";
import { barsBefore, storedBars } from "./storedbars";

const BARS = 900;
/** Where there are fewer, older ones are shown besides, as of the instrument that it is compared with. */
const FEW = 300;
const GAPS_EVERY = 5;

export class OtherFeed {
  bars: Bar[] = [];
  gaps: GapSpan[] = [];
  private readonly stop = new AbortController();
  private timer = 0;
  private rounds = 0;

  constructor(readonly id: string, readonly interval: Interval, private readonly now: () => number, private readonly changed: () => void, private readonly failed: (trouble: Trouble) => void) {
    void this.round();
  }

  close(): void {
    this.stop.abort();
    clearTimeout(this.timer);
  }

  private async round(): Promise<void> {
    const step = STEPS[this.interval] * 1000;
    const start = this.bars.at(-2)?.t ?? opening(this.now() - BARS * step, this.interval);
    try {
      const stored = coarser((await storedBars(this.id, this.interval, start, 2 * BARS, this.stop.signal)).map(fromStored), this.interval);
      const earlier = this.bars.length || stored.length >= FEW ? [] : await barsBefore(this.id, this.interval, stored[0]?.t ?? start, BARS, this.stop.signal).catch(() => []);
      this.bars = joined(this.bars, [...coarser(earlier.map(fromStored), this.interval), ...stored]);
      if (this.rounds++ % GAPS_EVERY === 0) await this.learnGaps();
      if (this.stop.signal.aborted) return;
      this.failed(null);
      this.changed();
    } catch (error) {
      if (this.stop.signal.aborted) return;
      const said = error as Error & { hint?: string };
      this.failed({ sentence: said.message, hint: said.hint ?? "" });
    }
    this.timer = window.setTimeout(() => void this.round(), Math.min(10_000, Math.max(2_000, step / 4)));
  }

  /** One page of them: at most the first 5,000. */
  private async learnGaps(): Promise<void> {
    const first = this.bars[0];
    if (!first) return;
    const found: Listed<StoredGap> = await get("gaps", { symbol: this.id, start: new Date(first.t).toISOString(), limit: 5_000 }, this.stop.signal);
    this.gaps = spans(found.data, named(this.id)[0]);
  }
}
