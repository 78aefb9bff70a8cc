// The bars of one instrument and interval, kept up to date: history first, trades as they come, the store's word after.

import { alike, coarser, fromStored, joined, opening, settled, spans, STEPS, STORED, take, type Bar, type GapSpan, type Interval, type StoredGap } from "./bars";
import { named } from "./protocol";
import { get, isNoName, type Listed } from "./rest";
import { barsBefore, storedBars } from "./storedbars";
import { fromStore, type Print, type StoredTrade } from "./tape";
import type { Terminal } from "./terminal";

const BARS = 900;
/** Where the time of so many bars has fewer than this, older ones are shown besides: a Monday has the Friday before it. */
const FEW = 300;
/** What is held at the most: beyond it the oldest are let go, unless somebody went back to them, and then beyond `MOST`. */
const HELD = 3 * BARS;
const MOST = 12_000;
const PAGE = 5_000;
const GAPS_EVERY = 5;
/** So many rounds ask for gaps after it was heard of one, a few seconds after each other: the store may be behind. */
const GAPS_AFTER_NEWS = 4;
const SOON_MS = 2_000;
/** The store's bars are behind by this at the most: longer ones are not missed. */
const BEHIND_MS = 60_000;

export type Trouble = { sentence: string; hint: string } | null;

export class BarFeed {
  bars: Bar[] = [];
  gaps: GapSpan[] = [];
  provenance = "";
  loaded = false;
  private news = 0;
  /** Whether the server has no such instrument: it is not asked for again before the board tells of it. */
  private unknown = false;
  private held = HELD;
  /** Whether the store has nothing that is older. */
  private begun = false;
  private goingBack = false;
  private lost = false;
  private recounting = false;
  /** What was there when it was said last that all is new. */
  private told: unknown[] = [];
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
    this.silence = [terminal.onTrades((fresh) => this.hear(fresh)), terminal.onLost(() => (void this.recount(), this.missed()))];
    void this.round();
  }

  close(): void {
    for (const silence of this.silence) silence();
    this.stop.abort();
    clearTimeout(this.timer);
  }

  /** More is on record as missing than before, or may soon be. */
  missed(): void {
    const asking = this.news > 0;
    this.news = GAPS_AFTER_NEWS;
    // A round is under way, or the next one comes soon: however often it is heard of one, that is the pace.
    if (!this.timer || asking) return;
    clearTimeout(this.timer);
    void this.round();
  }

  /** Somebody looks at the oldest: have the store tell of those before it. */
  async older(): Promise<void> {
    const first = this.bars[0];
    if (this.terminal.isFrozen || !this.loaded || !first || this.begun || this.goingBack || this.bars.length >= MOST) return;
    this.goingBack = true;
    try {
      const found = await this.before(first.t);
      if (this.stop.signal.aborted || this.bars[0]?.t !== first.t) return; // the oldest were let go meanwhile: these are not those before
      this.begun = !found.length;
      if (this.begun) return;
      this.bars = joined(found, this.bars);
      this.held = Math.max(this.held, this.bars.length + BARS);
      try {
        await this.learnGaps();
      } finally {
        if (!this.stop.signal.aborted) this.tell(); // without their gaps, too, if need be
      }
    } catch {
      return; // it is asked for again when the chart is moved
    } finally {
      this.goingBack = false;
    }
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
    this.timer = 0;
    const step = STEPS[this.interval] * 1000;
    if (this.unknown && !this.terminal.market.place.has(this.id)) return void (this.timer = window.setTimeout(() => void this.round(), SOON_MS));
    const told = this.bars.filter((bar) => !bar.provisional);
    const newest = (told.at(-2) ?? told.at(-1))?.t;
    try {
      if (!this.loaded || newest === undefined) {
        const found = await this.first();
        this.bars = joined(this.bars, found);
        await this.countOn();
      } else {
        const found = await this.stored(newest), all = joined(this.bars, found);
        if (!alike(all, this.bars)) this.bars = all;
      }
      this.letGo();
      if (this.rounds++ % GAPS_EVERY === 0 || this.news > 0) await this.learnGaps();
      this.news = Math.max(0, this.news - 1);
      if (this.stop.signal.aborted) return;
      this.loaded = true;
      this.unknown = false;
      if (this.counted.size > 20_000) this.counted.clear(); // far behind the open bar
      this.failed(null);
      this.tell();
    } catch (error) {
      if (this.stop.signal.aborted) return;
      const said = error as Error & { hint?: string };
      this.unknown = isNoName(error);
      this.failed({ sentence: said.message, hint: said.hint ?? "" });
    }
    this.timer = window.setTimeout(() => void this.round(), this.news > 0 ? SOON_MS : Math.min(10_000, Math.max(SOON_MS, step / 4)));
  }

  /** Where nothing is new since it was told, nothing is drawn anew: at night that is all night. A round that failed told nothing. */
  private tell(): void {
    const now = [this.bars, this.loaded, this.provenance, JSON.stringify(this.gaps)];
    if (now.every((each, at) => each === this.told[at])) return;
    this.told = now;
    this.changed("all");
  }

  /** A chart that is left open all night holds what it can show, and not the night. */
  private letGo(): void {
    if (this.bars.length <= this.held) return;
    this.bars = this.bars.slice(BARS - this.held);
    this.begun = false;
  }

  /** The bars of the time that is shown first, and where few were traded in it, the newest before it. */
  private async first(): Promise<Bar[]> {
    const start = opening(this.terminal.now() - BARS * STEPS[this.interval] * 1000, this.interval);
    const found = await this.stored(start);
    if (found.length >= FEW) return found;
    // Of these we can do without; a server may keep questions in SQL to some.
    const earlier = await this.before(found[0]?.t ?? start).catch(() => null);
    this.begun = earlier?.length === 0 && found.length > 0;
    return [...(earlier ?? []), ...found];
  }

  private async before(end: number): Promise<Bar[]> {
    const found = await barsBefore(this.id, this.interval, end, BARS, this.stop.signal);
    this.provenance ||= found.at(-1)?.provenance ?? "";
    return coarser(found.map(fromStored), this.interval);
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

  /** Trades did not come here: what the store has not told yet is counted anew, once however often that is heard meanwhile. */
  private async recount(): Promise<void> {
    this.lost = true;
    if (!this.loaded || this.recounting) return;
    this.recounting = true;
    try {
      while (this.lost && !this.stop.signal.aborted) {
        this.lost = false;
        await this.countOn();
        this.changed("all");
        await new Promise((resume) => setTimeout(resume, SOON_MS));
      }
    } catch {
      // The next round says what is wrong.
    } finally {
      this.recounting = false;
    }
  }

  private async learnGaps(): Promise<void> {
    const [symbol] = named(this.id);
    const start = new Date(this.bars[0]?.t ?? this.terminal.now() - BARS * STEPS[this.interval] * 1000).toISOString();
    this.gaps = spans(await this.all<StoredGap>("gaps", { symbol: this.id, start }), symbol);
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
