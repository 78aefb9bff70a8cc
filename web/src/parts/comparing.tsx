// Another instrument on the chart, in percent: who it is, what both stand at, and the box that it is chosen in.

import { createEffect, createMemo, createSignal, on, onCleanup, Show, type JSX } from "solid-js";
import type { Trouble } from "../core/barfeed";
import { dateSaid, type Bar, type GapSpan, type Interval } from "../core/bars";
import { compared, standing, type Comparison } from "../core/compare";
import { clock, day } from "../core/eastern";
import * as format from "../core/format";
import { bind } from "../core/keys";
import { OtherFeed } from "../core/otherfeed";
import { named } from "../core/protocol";
import { useTerminal } from "../core/terminal";
import { Finder } from "./finder";
import type { PriceChart } from "./pricechart";

export type Compare = {
  id: () => string | null;
  choose: (id: string | null) => void;
  found: () => Comparison | null;
  trouble: () => Trouble;
};

/** Keep the chart's other line as it is chosen; it is counted anew when the store has more, or we begin elsewhere. */
export function createCompare(chart: () => PriceChart | null, bars: () => readonly Bar[], interval: () => Interval): Compare {
  const terminal = useTerminal();
  const [id, choose] = createSignal<string | null>(null);
  const [theirs, setTheirs] = createSignal<{ bars: readonly Bar[]; gaps: readonly GapSpan[] }>({ bars: [], gaps: [] });
  const [trouble, setTrouble] = createSignal<Trouble>(null);
  createEffect(on([id, interval], ([other, every]) => {
    setTheirs({ bars: [], gaps: [] });
    setTrouble(null);
    if (!other) return;
    const feed: OtherFeed = new OtherFeed(other, every, () => terminal.now(), () => setTheirs({ bars: feed.bars, gaps: feed.gaps }), setTrouble);
    onCleanup(() => feed.close());
  }));
  // Ours grow with every trade: what is counted from is the same until the first of them is another one.
  const begin = createMemo(() => { const first = bars()[0]; return `${first?.t} ${first?.close}`; });
  const found = createMemo(on([theirs, begin], ([other]) => compared(bars(), other.bars)));
  createEffect(() => chart()?.compared(found(), theirs().gaps));
  return { id, choose: (next) => void choose(next === terminal.selected() ? null : next), found, trouble };
}

/** The box, or who is compared with and how to end it; the same key does both. */
export function CompareBox(props: { compare: Compare }): JSX.Element {
  const name = (): string => named(props.compare.id() ?? "")[0];
  const end = (): void => props.compare.choose(null);
  const Chosen = (): JSX.Element => {
    onCleanup(bind({ c: end }));
    return <span class="choices"><button aria-pressed="true" onClick={end} title="Compare no more (c)">vs {name()} <span aria-hidden="true">✕</span><span class="sr">, compare no more</span></button></span>;
  };
  return (
    <Show when={props.compare.id()} fallback={<Finder label="Compare with" word="Compare" cap="c" list="others" class="small" onChoose={props.compare.choose} />}>
      <Chosen />
    </Show>
  );
}

export function Standing(props: { compare: Compare; bars: readonly Bar[]; pointed: Bar | null; ours: string; interval: Interval }): JSX.Element {
  const now = createMemo(() => {
    const found = props.compare.found(), bar = props.pointed ?? props.bars.at(-1);
    return found && bar ? { ...standing(found, props.bars, bar.t), since: found.since } : null;
  });
  const when = (ms: number): string => (props.interval === "1d" ? dateSaid(ms) : `${day(ms).slice(5)} ${clock(ms)}`);
  return (
    <Show when={props.compare.id()}>{(id) => (
      <span class="legend standing">
        <Show when={now()} fallback={<span class="quiet">{props.compare.trouble()?.sentence ?? `no bars of ${id()} yet`}</span>}>{(both) => (
          <>
            <span><i class="rule" aria-hidden="true" /> {named(id())[0]} <small>{named(id())[1].replace("_", " ")}</small> <b class={format.tone(both().other)}>{format.percent(both().other)}</b></span>
            <span><small>{named(props.ours)[0]}</small> <b class={format.tone(both().ours)}>{format.percent(both().ours)}</b></span>
            <small>since {when(both().since)} ET</small>
          </>
        )}</Show>
      </span>
    )}</Show>
  );
}
