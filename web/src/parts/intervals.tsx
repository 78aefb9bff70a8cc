import { createSignal, For, onCleanup, type JSX } from "solid-js";
import { STEPS, type Bar, type Interval } from "../core/bars";
import { bind } from "../core/keys";
import { choose as chosen } from "../core/loop";

const ALL = Object.keys(STEPS) as Interval[];

/** The intervals, as buttons and as the keys s 1 5 h d. */
export function Intervals(props: { value: Interval; set: (next: Interval) => void }): JSX.Element {
  onCleanup(bind({ s: () => props.set("1s"), "1": () => props.set("1m"), "5": () => props.set("5m"), h: () => props.set("1h"), d: () => props.set("1d") }));
  return (
    <span class="choices" role="group" aria-label="Interval">
      <For each={ALL}>{(each) => <button aria-pressed={props.value === each} onClick={() => props.set(each)}>{each}</button>}</For>
    </span>
  );
}

const FEW = 30;

/** An interval that begins at one minute, and at one second where the recording is younger than half an hour; a choice stays. */
export function createInterval(): [value: () => Interval, set: (next: Interval) => void, suit: (bars: readonly Bar[]) => void] {
  const [value, set] = createSignal<Interval>("1m");
  let settled = false;
  const choose = (next: Interval): void => {
    settled = true;
    if (next !== value()) chosen();
    set(next);
  };
  const suit = (bars: readonly Bar[]): void => {
    if (settled || !bars.length) return;
    settled = true;
    if (bars.length < FEW) set("1s");
  };
  return [value, choose, suit];
}
