// One WebSocket with one subscription, since `sub` replaces what was wanted before. It reconnects by itself, asks again
// for what was wanted, and goes on with the trades where it was cut off.

import type { Message, Subscription } from "./protocol";
import { get } from "./rest";
import { isSignedOut } from "./session";

const FIRST_MS = 500;
const LONGEST_MS = 8_000;
const SILENT_MS = 5_000;
/** The close code of a connection whose key holds no more; also of one that asked too often. */
const NOT_ALLOWED = 1008;
export const STALE_MS = 2_000;

/** How long to wait before attempt `n` (0 is the first): doubling to 8 s, half of it by chance, so that a crowd of pages spreads out. */
export function backoff(attempt: number, chance: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
  return full / 2 + (full / 2) * chance;
}

export type LineState = "connecting" | "open" | "waiting" | "closed" | "refused";

export class Line {
  state: LineState = "connecting";
  /** `performance.now()` of the newest message; a status comes each second, so its age is that of the connection. */
  heardAt = -Infinity;
  retryAt = 0;
  reconnects = 0;
  bytes = 0;
  messages = 0;
  private socket: WebSocket | null = null;
  private wanted: Subscription | null = null;
  private attempt = 0;
  private timer = 0;
  private watch = 0;
  /** The stream keeps its digits: it counts nanoseconds, and is beyond what a number here holds exactly. */
  private resume: { next: number; stream: string } | null = null;

  constructor(private readonly url: string, private readonly take: (message: Message) => void) {
    this.open();
    this.watch = window.setInterval(() => this.look(), 1000);
  }

  /** Want this and nothing else; null wants nothing, and keeps the connection. */
  want(subscription: Subscription | null): void {
    this.wanted = subscription;
    if (this.socket?.readyState === WebSocket.OPEN) this.ask();
  }

  close(): void {
    this.state = "closed";
    clearTimeout(this.timer);
    clearInterval(this.watch);
    this.socket?.close(1000);
    this.socket = null;
  }

  private open(): void {
    if (isSignedOut()) return void (this.state = "refused");
    this.state = "connecting";
    const socket = (this.socket = new WebSocket(this.url));
    socket.onopen = () => {
      this.state = "open";
      this.attempt = 0;
      this.heardAt = performance.now();
      this.ask();
      if (this.resume) socket.send(`{"op":"hello","resume":${this.resume.next},"stream":${this.resume.stream}}`);
    };
    socket.onmessage = (event: MessageEvent<string>) => this.hear(event.data);
    socket.onclose = (event: CloseEvent) => {
      // Of a handshake that was refused a page learns nothing: whether it is for want of a session, a question tells.
      if (this.socket === socket && (this.state === "connecting" || event.code === NOT_ALLOWED)) get("feeds").catch(() => undefined);
      if (this.socket === socket) this.again();
    };
  }

  private ask(): void {
    const message = this.wanted ? { op: "sub", ...this.wanted } : { op: "unsub" };
    this.socket?.send(JSON.stringify(message));
  }

  private hear(text: string): void {
    this.heardAt = performance.now();
    this.bytes += text.length;
    this.messages += 1;
    const message = JSON.parse(text) as Message;
    if (message.type === "trade" && this.resume) this.resume.next = message.next;
    if (message.type === "status" && message.next.trade !== undefined && this.wanted?.channels.includes("trade")) {
      this.resume = { next: message.next.trade, stream: /"stream":(\d+)/.exec(text)?.[1] ?? "null" };
    }
    this.take(message);
  }

  private again(): void {
    if (this.state === "closed") return;
    this.socket = null;
    if (isSignedOut()) return void (this.state = "refused");
    this.state = "waiting";
    this.reconnects += 1;
    const wait = backoff(this.attempt++, Math.random());
    this.retryAt = performance.now() + wait;
    this.timer = window.setTimeout(() => this.open(), wait);
  }

  /** A connection that has said nothing for long is none: its host may be gone without a word. */
  private look(): void {
    const quiet = performance.now() - this.heardAt > SILENT_MS;
    if (this.state === "open" && this.wanted && quiet) {
      const socket = this.socket;
      this.again();
      if (socket) {
        socket.onclose = null;
        socket.close();
      }
    }
  }
}

export function realtime(): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/realtime`;
}
