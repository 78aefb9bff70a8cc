// The heat map of the chosen instrument's book, and what to say where there is none.

import { createEffect, createMemo, createSignal, on, onCleanup, Show, type JSX } from "solid-js";
import { follow } from "../core/books";
import * as format from "../core/format";
import { paint, touch } from "../core/loop";
import { pastBooks } from "../core/pastbooks";
import { named, type Book } from "../core/protocol";
import { SeenBooks } from "../core/seenbooks";
import { theme, ticks } from "../core/settings";
import { useTerminal } from "../core/terminal";
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
  const seen = new SeenBooks();
  const reconnects = createMemo(() => terminal.link().reconnects);
  let drawnAt = 0;

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
      if (terminal.status()) seen.take(book, t); // before, `t` may be minutes away
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
      const dress = ON_DARK[ticks()];
      const found = map.draw(seen.list, props.spanMs, terminal.now(), terminal.tape.prints, { ...dress, text: "#9aa6b8", line: "#262d3b" }, decimals);
      if (found && seen.list.length % 20 === 0) setSummary(`Resting size at ${found.rows} price levels from ${found.low.toFixed(decimals)} to ${found.high.toFixed(decimals)} over the last ${format.age(props.spanMs)}.`);
    }));
  };

  return (
    <div class="depthmap">
      <canvas ref={settle} role="img" aria-label={summary()} />
      <Show when={missing()}>{(said) => <Empty title="No book here">{said()}</Empty>}</Show>
    </div>
  );
}
