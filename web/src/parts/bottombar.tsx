import { createMemo, createSignal, createEffect, Show, type JSX } from "solid-js";
import { catchingUp } from "../core/feeds";
import { age, count, millis, signed } from "../core/format";
import { STALE_MS } from "../core/line";
import { pace, type Pace } from "../core/loop";
import { useTerminal } from "../core/terminal";

/** What state the feed is in, in one word; with the next attempt where there is none. */
export function feedWord(link: { state: string; quietMs: number; retryMs: number }, feed: string | undefined, behind: number | null = null): [word: string, tone: string] {
  if (link.state === "waiting") return [`reconnecting · next try ${age(link.retryMs)}`, "warn"];
  if (link.state === "connecting" && !Number.isFinite(link.quietMs)) return ["connecting", "warn"];
  if (link.state === "refused") return ["signed out", "bad"];
  if (link.state === "closed") return ["closed", "bad"];
  if (link.quietMs > STALE_MS) return [`stale ${Math.floor(link.quietMs / 1000)} s`, "warn"];
  if (behind !== null) return [`catching up, ${count(behind)} frames behind`, "warn"];
  return [feed ?? "waiting", feed === "live" ? "ok" : feed === "down" ? "bad" : "warn"];
}

/** On this machine nobody needs to sign in; anywhere else somebody did. */
function isThisMachine(host: string): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(host);
}

export function BottomBar(): JSX.Element {
  const terminal = useTerminal();
  const [speed, setSpeed] = createSignal<Pace>({ fps: NaN, paintP50: NaN, paintP95: NaN, paints: 0 });
  const [kilobytes, setKilobytes] = createSignal(NaN);
  let bytes = 0, at = performance.now();
  createEffect(() => {
    terminal.second();
    const now = performance.now(), total = terminal.traffic.bytes;
    if (now - at < 500) return;
    setKilobytes((total - bytes) / (now - at));
    bytes = total;
    at = now;
    setSpeed(pace());
  });
  const feed = createMemo(() => feedWord(terminal.link(), terminal.status()?.feed, catchingUp(terminal.status())));
  const conflated = createMemo(() => (terminal.second(), terminal.conflated.grid + terminal.conflated.focus));
  const offset = createMemo(() => (terminal.second(), terminal.skew));
  return (
    <footer class="bottom">
      <span class="state" data-tone={feed()[1]}><i class="dot" aria-hidden="true" />feed {feed()[0]}</span>
      <span title="Intervals on record in which something may be missing">gaps <b>{count(catchingUp(terminal.status()) === null ? (terminal.status()?.gaps ?? NaN) : NaN)}</b></span>
      <span title="Trades of the chosen instrument that were not sent here; they are stored all the same">dropped <b>{count((terminal.second(), terminal.dropped))}</b></span>
      <span class="wide" title="Updates that a newer one replaced before this page was due">conflated <b>{count(conflated())}</b></span>
      <span class="wide" title="Frames a second">{Math.round(speed().fps) || "–"} fps</span>
      <span class="wider" title="From the server's hand-over to this screen, P50 / P95">paint <b>{millis(speed().paintP50)} / {millis(speed().paintP95)}</b> ms</span>
      <span class="wider"><b>{count(kilobytes())}</b> kB/s</span>
      <span class="wider" title="The server's clock minus this page's; delivery included">clock <b>{signed(String(Math.round(offset())))}</b> ms</span>
      <Show when={terminal.link().reconnects}><span class="warn">reconnected {terminal.link().reconnects}×</span></Show>
      <span class="space" />
      <span class="wider"><kbd>/</kbd> symbol <kbd>↑</kbd><kbd>↓</kbd> row <kbd>P</kbd> freeze <kbd>?</kbd> keys</span>
      <a href="/live/THIRD_PARTY_NOTICES.txt" class="wide">notices</a>
      <Show when={!isThisMachine(location.hostname)}><a href="/logout" target="_top">sign out</a></Show>
    </footer>
  );
}
