// The heat map of the chosen instrument's book, and what to say where there is none.

import { createEffect, createMemo, createSignal, on, onCleanup, Show, type JSX } from "solid-js";
import { follow } from "../core/books";
import { heardAt } from "../core/feeds";
import * as format from "../core/format";
import { paint, touch } from "../core/loop";
import { pastBooks } from "../core/pastbooks";
import { named, type Book } from "../core/protocol";
import { SeenBooks } from "../core/seenbooks";
import { theme, ticks } from "../core/settings";
import { useTerminal } from "../core/terminal";
import { createAged } from "./aged";
import { HeatMap } from "./heatmap";
import { Empty } from "./panel";

/** The colours of lines and bubbles lie on a dark frame in both themes. */
const ON_DARK = {
  blue: { up: "#4cc2ff", down: "#ff9a4d" }, classic: { up: "#3ddc97", down: "#ff6b7a" }, redup: { up: "#ff6b7a", down: "#3ddc97" },
} as const;

export function DepthStrip(props: { spanMs: number; onBook?: (book: Book | null, t: number) => void }): JSX.Element {
  const terminal = useTerminal();
  const [missing, setMissing] = createSignal<string | null>(null);
  const [summary, setSummary] = createSignal("Waiting for a book.");
  const [dark, setDark] = createSignal(false);
  const seen = new SeenBooks();
  const aged = createAged();
  const reconnects = createMemo(() => terminal.link().reconnects);
  let drawnAt = 0;

  const isLive = (): boolean => !aged() && !terminal.isStale;
  /** Until when books were heard of, where they are not. */
  const stop = (): void => {
    const status = terminal.status(), id = terminal.selected();
    if (status && id) terminal.isStale ? seen.stop(terminal.now() - terminal.quiet(), true) : seen.stop(heardAt(status, named(id)[1]));
  };

  /** What was before we looked, and while we did not. */
  const fill = async (id: string, span: number, wanted: () => boolean): Promise<void> => {
    await terminal.told;
    await pastBooks(id, span, () => terminal.now(), wanted, (books, gaps, through) => {
      seen.recall(named(id)[0], books, gaps, through);
      drawnAt = 0;
      touch();
    });
  };

  createEffect(on(terminal.selected, (id) => {
    seen.clear();
    setMissing(null);
    props.onBook?.(null, 0);
    if (!id) return;
    onCleanup(follow(terminal, id, (book, t) => {
      setMissing(null);
      // Before the status `t` may be minutes away; and what a feed that is not live said last is no book of now.
      if (terminal.status() && isLive() && book.state === "live") seen.take(book, t);
      props.onBook?.(book, t);
      touch();
    }, setMissing));
  }));
  createEffect(on([terminal.selected, () => props.spanMs, reconnects], ([id, span]) => {
    if (!id) return;
    let wanted = true;
    onCleanup(() => (wanted = false));
    void fill(id, span, () => wanted);
  }));
  createEffect(on([() => props.spanMs, theme, ticks], () => {
    drawnAt = 0;
    touch();
  }));

  const settle = (canvas: HTMLCanvasElement): void => {
    const map = new HeatMap(canvas);
    onCleanup(paint((now) => {
      if (now - drawnAt < 120) return; // a book comes four to ten times a second; more pictures tell no more
      drawnAt = now;
      const at = terminal.market.place.get(terminal.selected() ?? "") ?? -1;
      const decimals = at < 0 ? 2 : Math.max(2, terminal.market.hints[at]!);
      const dress = ON_DARK[ticks()], live = isLive() || !terminal.status(), t = terminal.now();
      if (!live) stop();
      const found = map.draw(seen.list, seen.unseen(t, live), props.spanMs, t, terminal.tape.prints, { ...dress, text: "#9aa6b8", line: "#262d3b", gap: "#ffc857" }, decimals);
      setDark(!found && !live);
      if (found && seen.list.length % 20 === 0) setSummary(`Resting size at ${found.rows} price levels from ${found.low.toFixed(decimals)} to ${found.high.toFixed(decimals)} over the last ${format.age(props.spanMs)}.`);
    }));
  };

  return (
    <div class="depthmap">
      <canvas ref={settle} role="img" aria-label={summary()} />
      <Show when={dark() && !missing()}><Empty title={`No book in the last ${format.age(props.spanMs)}`}>{aged() ? `Its feed is ${aged()}` : "The server is not heard"}, and what was before is none of now.</Empty></Show>
      <Show when={missing()}>{(said) => <Empty title="No book here">{said()}</Empty>}</Show>
    </div>
  );
}
