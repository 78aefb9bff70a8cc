// The bars of one instrument and interval, kept up to date: history first, trades as they come, the store's word after.

import { fromStored, joined, opening, settled, spans, STEPS, STORED, take, type Bar, type GapSpan, type Interval, type StoredGap } from "./bars";
import { named } from "./protocol";
import { get, type Listed } from "./rest";
import { storedBars } from "./storedbars";
import { fromStore, type Print, type StoredTrade } from "./tape";
import type { Terminal } from "./terminal";

const BARS = 900;
const PAGE = 5_000;
const GAPS_EVERY = 5;
/** The store's bars are behind by this at the most: longer ones are not missed. */
const BEHIND_MS = 60_000;

export type Trouble = { sentence: string; hint: string } | null;

export class BarFeed {
  bars: Bar[] = [];
  gaps: GapSpan[] = [];
  provenance = "";
  loaded = false;
  private readonly counted = new Set<string>();
  private readonly stop = new AbortController();
  private readonly silence: (() => void)[];
  private timer = 0;
  private rounds = 0;

  constructor(
    private readonly terminal: Terminal,
    readonly id: string,
    readonly interval: Interval,
    private readonly changed: (what: "all" | "last") => void,
    private readonly failed: (trouble: Trouble) => void,
  ) {
    this.silence = [terminal.onTrades((fresh) => this.hear(fresh)), terminal.onLost(() => void this.recount())];
    void this.round();
  }

  close(): void {
    for (const silence of this.silence) silence();
    this.stop.abort();
    clearTimeout(this.timer);
  }

  private hear(fresh: Print[]): void {
    let what: "all" | "last" | null = null;
    for (const print of fresh) {
      const before = this.bars.length;
      if (!this.count(print)) continue;
      what = before !== this.bars.length && before > 0 && this.skips(before) ? "all" : (what ?? "last");
    }
    if (what && this.loaded) this.changed(what);
  }

  /** Whether the newest bar is not the next one: there is time without a trade between them. */
  private skips(before: number): boolean {
    return this.bars.at(-1)!.t - this.bars[before - 1]!.t > STEPS[this.interval] * 1000;
  }

  private count(print: Print): boolean {
    if (this.counted.has(print.key)) return false;
    this.counted.add(print.key);
    return take(this.bars, print.ms, Number(print.price), Number(print.size ?? 0), this.interval, print.uncounted) !== null;
  }

  /** Ask the store for the bars since the newest that it has told; the first time, for as many as are shown. */
  private async round(): Promise<void> {
    const { interval } = this;
    const step = STEPS[interval] * 1000;
    const now = this.terminal.now();
    const final = this.bars.filter((bar) => !bar.provisional).at(-2);
    const start = this.loaded && final ? final.t : opening(now - BARS * step, interval);
    try {
      const stored = await this.stored(start);
      if (!this.loaded) {
        this.bars = joined([], stored);
        await this.countOn();
      } else if (stored.length) this.bars = joined(this.bars, stored);
      if (this.rounds++ % GAPS_EVERY === 0) await this.learnGaps();
      if (this.stop.signal.aborted) return;
      this.loaded = true;
      if (this.counted.size > 20_000) this.counted.clear(); // far behind the open bar
      this.failed(null);
      this.changed("all");
    } catch (error) {
      if (this.stop.signal.aborted) return;
      const said = error as Error & { hint?: string };
      this.failed({ sentence: said.message, hint: said.hint ?? "" });
    }
    this.timer = window.setTimeout(() => void this.round(), Math.min(10_000, Math.max(2_000, step / 4)));
  }

  private async stored(start: number): Promise<Bar[]> {
    const found = await storedBars(this.id, this.interval, start, 2 * BARS, this.stop.signal);
    this.provenance = found.at(-1)?.provenance ?? this.provenance;
    const bars = found.map(fromStored);
    if (STORED[this.interval][1] > 1) return settled(bars, this.interval, this.terminal.now(), (t) => this.bars.some((own) => own.t === t));
    // A bar that is not over is counted here, trade by trade; of a day we could not count all.
    return bars.filter((bar) => !bar.forming || this.interval === "1d");
  }

  /**
   * Count the stored trades of the bars that the store has not told yet: the one that is open, and of short ones some
   * before it. Those that came by the socket meanwhile are counted once.
   */
  private async countOn(): Promise<void> {
    const step = STEPS[this.interval] * 1000, open = opening(this.terminal.now(), this.interval);
    const last = this.bars.filter((bar) => !bar.provisional).at(-1)?.t;
    if (this.interval === "1d" || last === open) return;
    const since = Math.max(last === undefined ? 0 : last + step, opening(open - BEHIND_MS, this.interval));
    const early = await this.all<StoredTrade>("history", { symbol: this.id, kind: "trades", start: new Date(since).toISOString() });
    for (let bar = this.bars.at(-1); bar?.provisional && bar.t >= since; bar = this.bars.at(-1)) this.bars.pop(); // counted here
    this.counted.clear();
    for (const trade of early) {
      const print = fromStore(trade);
      if (print.ms >= since) this.count(print);
    }
    for (const print of this.terminal.tape.prints) if (print.ms >= since) this.count(print);
  }

  /** Trades did not come here: what the store has not told yet is counted anew. */
  private async recount(): Promise<void> {
    if (!this.loaded) return;
    try {
      await this.countOn();
    } catch {
      return; // the next round says what is wrong
    }
    this.changed("all");
  }

  private async learnGaps(): Promise<void> {
    const [symbol] = named(this.id);
    const start = new Date(this.bars[0]?.t ?? this.terminal.now() - BARS * STEPS[this.interval] * 1000).toISOString();
    this.gaps = spans(await this.all<StoredGap>("gaps", { symbol: this.id, start }), symbol, this.terminal.now());
  }

  /** Return the rows of all pages. */
  private async all<T>(path: string, query: Record<string, string>): Promise<T[]> {
    const found: T[] = [];
    let cursor: string | null | undefined;
    do {
      const page: Listed<T> = await get(path, { ...query, limit: PAGE, ...(cursor ? { cursor } : {}) }, this.stop.signal);
      found.push(...page.data);
      cursor = page.next;
    } while (cursor);
    return found;
  }
}
