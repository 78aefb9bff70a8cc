// What the screens share: the market, the chosen instrument, and three connections with a purpose each.
//
//   board   every instrument once a second, few fields: sorting, breadth, sparks; status, lag and alerts come with it
//   grid    the rows on screen, ten times a second
//   focus   the chosen instrument: each trade, and its book

import { createContext, createEffect, createRoot, createSignal, onCleanup, untrack, useContext } from "solid-js";
import { delivered, isFrozen, touch } from "./loop";
import { Line, realtime, STALE_MS, type LineState } from "./line";
import { Market, PACE_EVERY_MS, SPARK, SPARK_EVERY_MS } from "./market";
import { pastPrices } from "./pastprices";
import type { Alert, Book, LagRow, Message, Status } from "./protocol";
import { recalled } from "./recall";
import { fromSocket, fromStore, Tape, type Print, type StoredTrade } from "./tape";

/** So much of the past the tape begins with. */
export const RECALLED_MS = 120_000;

export const HZ = 10;
const BOARD_FIELDS = ["price", "price_hint", "change", "change_percent", "bid", "ask", "volume", "trades", "ts_recv", "lag_ms"];
const ALERTS_KEPT = 500;

export type Link = { state: LineState; quietMs: number; retryMs: number; reconnects: number };
export type TradeListener = (fresh: Print[], skipped: number) => void;
export type BookListener = (book: Book) => void;

export class Terminal {
  readonly market = new Market();
  readonly tape = new Tape();
  private readonly signals = {
    selected: createSignal<string | null>(null),
    status: createSignal<Status | null>(null),
    link: createSignal<Link>({ state: "connecting", quietMs: 0, retryMs: 0, reconnects: 0 }),
    rate: createSignal(NaN),
    lag: createSignal<LagRow[]>([]),
    alerts: createSignal<Alert[]>([]),
    unavailable: createSignal<Record<string, string>>({}),
    second: createSignal(0),
  };
  private tell!: () => void;
  /** When the server has said what time it is: a browser's own clock may be minutes away. */
  readonly told = new Promise<void>((resolve) => (this.tell = resolve));
  readonly selected = this.signals.selected[0];
  readonly status = this.signals.status[0];
  readonly link = this.signals.link[0];
  /** Events a second, all feeds together. */
  readonly rate = this.signals.rate[0];
  /** The newest closed window of lags. */
  readonly lag = this.signals.lag[0];
  /** Newest first. */
  readonly alerts = this.signals.alerts[0];
  /** What the server does not push, and where it says to ask. */
  readonly unavailable = this.signals.unavailable[0];
  /** Counts the seconds: what is looked at once a second depends on it. */
  readonly second = this.signals.second[0];
  readonly conflated = { board: 0, grid: 0, focus: 0 };
  dropped = 0;
  /** The server's clock minus ours, ms, as the smallest delay seen lately says. */
  skew = 0;

  private readonly board: Line;
  private readonly grid: Line;
  private readonly focus: Line;
  private readonly tradeListeners = new Set<TradeListener>();
  private readonly bookListeners = new Set<BookListener>();
  private readonly lostListeners = new Set<() => void>();
  private recalls = 0;
  private visible: string[] = [];
  private asked = 0;
  private bookWanted = 0;
  private rows: [at: number, total: number] | null = null;

  constructor(url = realtime()) {
    this.board = new Line(url, (message) => this.hear("board", message));
    this.grid = new Line(url, (message) => this.hear("grid", message));
    this.focus = new Line(url, (message) => this.hear("focus", message));
    this.askBoard();
    void this.recallSparks();
    createEffect(() => {
      const id = this.selected();
      this.tape.clear();
      this.askFocus();
      if (id) void this.recall(id);
    });
    const tick = window.setInterval(() => this.tick(), 1000);
    const sample = window.setInterval(() => this.market.sample(), SPARK_EVERY_MS);
    const measure = window.setInterval(() => this.market.measure(this.now()), PACE_EVERY_MS);
    const hide = (): void => this.hidden();
    document.addEventListener("visibilitychange", hide);
    onCleanup(() => {
      clearInterval(tick);
      clearInterval(sample);
      clearInterval(measure);
      document.removeEventListener("visibilitychange", hide);
      for (const line of [this.board, this.grid, this.focus]) line.close();
    });
  }

  /** Choose an instrument by its id: what is told of it is told by that. */
  select(id: string): void {
    this.signals.selected[1](id);
  }

  /** The server's wall clock, ms. */
  now(): number {
    return Date.now() + this.skew;
  }

  /** Whether anybody here knows the chosen instrument; before the first rows come nobody can tell. */
  isKnown(): boolean {
    const id = (this.second(), this.selected());
    return !id || !this.market.size || this.market.place.has(id);
  }

  /** How old the newest word of the server is, ms; ticks are stale beyond two seconds. */
  quiet(): number {
    return performance.now() - Math.max(this.grid.heardAt, this.board.heardAt);
  }

  /** Whether numbers hold: who asks for some on its own account does not meanwhile. */
  get isFrozen(): boolean {
    return isFrozen();
  }

  get isStale(): boolean {
    return this.quiet() > STALE_MS;
  }

  /** Say which rows are on screen; asked for with the next frame, so that scrolling asks once. */
  show(ids: string[]): void {
    if (ids.length === this.visible.length && ids.every((id, at) => id === this.visible[at])) return;
    this.visible = ids;
    if (this.asked) return;
    this.asked = window.setTimeout(() => {
      this.asked = 0;
      this.askGrid();
    }, 60);
  }

  /** Have the book of the chosen instrument pushed while somebody looks. */
  onBook(listener: BookListener): () => void {
    this.bookListeners.add(listener);
    if (this.bookWanted++ === 0) this.askFocus();
    return () => {
      this.bookListeners.delete(listener);
      if (--this.bookWanted === 0) this.askFocus();
    };
  }

  onTrades(listener: TradeListener): () => void {
    this.tradeListeners.add(listener);
    return () => this.tradeListeners.delete(listener);
  }

  /** Hear that trades of the chosen instrument went by without coming here, and once more when the store has told of them. */
  onLost(listener: () => void): () => void {
    this.lostListeners.add(listener);
    return () => this.lostListeners.delete(listener);
  }

  get traffic(): { bytes: number; messages: number } {
    const lines = [this.board, this.grid, this.focus];
    return { bytes: lines.reduce((sum, line) => sum + line.bytes, 0), messages: lines.reduce((sum, line) => sum + line.messages, 0) };
  }

  private askBoard(): void {
    this.board.want({ symbols: ["*"], hz: 1, channels: ["quote", "status", "lag", "alert"], fields: BOARD_FIELDS });
  }

  private askGrid(): void {
    if (!document.hidden) this.grid.want({ symbols: this.visible, hz: HZ, channels: ["quote", "status"] });
  }

  private askFocus(): void {
    const id = untrack(this.selected);
    if (document.hidden) return;
    if (!id) return this.focus.want(null);
    const channels = ["quote", "trade", "status", ...(this.bookWanted ? ["book"] : [])];
    this.focus.want({ symbols: [id], hz: HZ, channels });
  }

  /** A page that nobody sees asks for nothing. */
  private hidden(): void {
    if (document.hidden) for (const line of [this.board, this.grid, this.focus]) line.want(null);
    else {
      this.askBoard();
      this.askGrid();
      this.askFocus();
      this.lost();
    }
  }

  /** Trades went by that did not come here: the tape and whoever counts begin anew with what the store has. */
  private lost(): void {
    const id = this.selected();
    this.tape.clear();
    if (!id) return;
    void this.recall(id);
    for (const listener of this.lostListeners) listener();
  }

  private hear(from: "board" | "grid" | "focus", message: Message): void {
    switch (message.type) {
      case "snapshot":
      case "quote":
        this.market.take(message.data);
        if (from !== "board" && message.type === "quote") delivered(message.ts_deliver / 1e6);
        else touch();
        break;
      case "trade": {
        // Until the server has read of another choice it tells of the one before.
        const own = message.data.filter((trade) => trade.id === this.selected());
        if (own.length || !message.data.length) this.takeTrades(own.map(fromSocket), message.skipped + message.lost);
        delivered(message.t);
        break;
      }
      case "book":
        for (const book of message.data) if (book.id === this.selected()) for (const listener of this.bookListeners) listener(book);
        touch();
        break;
      case "lag":
        this.signals.lag[1](message.data);
        break;
      case "alert":
        this.signals.alerts[1]((old) => [...message.data].reverse().concat(old).slice(0, ALERTS_KEPT));
        break;
      case "gap":
        if (from === "focus") this.lost();
        break;
      case "subscribed":
        this.signals.unavailable[1]((old) => ({ ...old, ...message.unavailable }));
        break;
      case "status":
        this.conflated[from] = message.conflated;
        if (from === "focus") this.dropped = message.dropped;
        if (from === "board") this.takeStatus(message);
        break;
      default:
    }
  }

  private takeStatus(status: Status): void {
    const total = status.feeds.reduce((sum, feed) => sum + feed.rows, 0);
    if (this.rows && total >= this.rows[1]) this.signals.rate[1](((total - this.rows[1]) * 1000) / Math.max(1, status.t - this.rows[0]));
    this.rows = [status.t, total];
    const away = status.t - Date.now();
    this.skew = Math.abs(away - this.skew) > 250 ? away : Math.max(away, this.skew - 1);
    this.signals.status[1](status);
    this.tell();
  }

  private takeTrades(prints: Print[], skipped: number): void {
    if (skipped) this.tape.skip(skipped);
    const fresh = this.tape.take(prints);
    if (fresh.length || skipped) for (const listener of this.tradeListeners) listener(fresh, skipped);
    if (skipped) for (const listener of this.lostListeners) listener();
  }

  /** Fill the tape with the last minutes of an instrument; when all is there, whoever counts trades counts anew. */
  private async recall(id: string): Promise<void> {
    const turn = ++this.recalls;
    await this.told;
    const whole = await recalled<StoredTrade>({ id, kind: "trades" }, this.now() - RECALLED_MS, () => this.now(), () => turn === this.recalls && this.selected() === id, (found) => {
      this.tape.recall(found.map(fromStore));
      touch();
    });
    if (whole) for (const listener of this.lostListeners) listener();
  }

  /** Begin the sparks with what the store has; without it they begin with what comes. */
  private async recallSparks(): Promise<void> {
    await this.told;
    const now = this.now();
    const past = await pastPrices(this.market.ids, SPARK * SPARK_EVERY_MS, now).catch(() => null);
    if (past) this.market.recall(past, now);
    touch();
  }

  private tick(): void {
    const line = this.board;
    this.signals.link[1]({ state: line.state, quietMs: this.quiet(), retryMs: Math.max(0, line.retryAt - performance.now()), reconnects: line.reconnects });
    this.signals.second[1]((count) => count + 1);
    touch(); // ages go on without a tick
  }
}

export const TerminalContext = createContext<Terminal>();

export function useTerminal(): Terminal {
  const found = useContext(TerminalContext);
  if (!found) throw new Error("a screen is shown outside of a terminal");
  return found;
}

/** A terminal of its own, for what mounts one outside of a component. */
export function makeTerminal(): [terminal: Terminal, end: () => void] {
  return createRoot((end) => [new Terminal(), end] as [Terminal, () => void]);
}
