import { createMemo, createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import { BookAge, standing } from "../core/bookage";
import { feedStates } from "../core/feeds";
import * as format from "../core/format";
import { bind } from "../core/keys";
import { STALE_MS } from "../core/line";
import { held, touch } from "../core/loop";
import { named, type Book } from "../core/protocol";
import { useTerminal } from "../core/terminal";
import { createAged } from "../parts/aged";
import { DepthStrip } from "../parts/depthstrip";
import { Ladder, LadderState } from "../parts/ladder";
import { Panel } from "../parts/panel";
import { TapeList } from "../parts/tapelist";

const SPANS: [number, string][] = [[30_000, "30 s"], [120_000, "2 m"], [300_000, "5 m"], [900_000, "15 m"], [1_800_000, "30 m"]];

export default function Depth(): JSX.Element {
  const terminal = useTerminal();
  const ladder = new LadderState();
  const [span, setSpan] = createSignal(30_000);
  const [least, setLeast] = createSignal(0);
  const [newest, setNewest] = createSignal<Book | null>(null);
  const bookAge = new BookAge();
  const aged = createAged();
  let filter!: HTMLInputElement;
  const name = (): string => named(terminal.selected() ?? "").join(" · ").replace("_", " ");
  const decimals = createMemo(() => {
    terminal.second();
    const at = terminal.market.place.get(terminal.selected() ?? "");
    return at === undefined ? 2 : Math.max(2, terminal.market.hints[at]!);
  });
  const told = held(() => {
    terminal.second();
    const book = newest();
    if (!book) return null;
    const [word, tone] = standing(book, feedStates(terminal.status())(named(book.id)[1]), terminal.link().quietMs > STALE_MS);
    const { ms, atLeast } = bookAge.of(terminal.now());
    return { word, tone, age: `${atLeast ? "≥ " : ""}${format.age(ms)}`, sequence: book.sequence };
  });
  const take = (book: Book | null, t: number): void => {
    ladder.take(book, t);
    bookAge.take(book, t);
    setNewest(book);
    touch();
  };
  onCleanup(bind({ t: () => filter.focus() }));

  return (
    <main class="depthpage" classList={{ aged: aged() !== null }}>
      <Panel class="map" title={<><b>{name()}</b><span class="quiet">resting size, log colour</span></>} aside={
        <span class="choices" role="group" aria-label="Span"><For each={SPANS}>{([ms, title]) => <button aria-pressed={span() === ms} onClick={() => setSpan(ms)}>{title}</button>}</For></span>
      }>
        <DepthStrip spanMs={span()} onBook={take} />
        <footer class="key"><i class="ramp" aria-hidden="true" /><span>small → large</span><span class="bid">bid line</span><span class="ask">ask line</span><span>● area is size, colour is who crossed</span></footer>
      </Panel>
      <Panel class={`ladderbox ${told()?.tone === "warn" ? "aged" : ""}`} title={<><b>Ladder</b><span class="quiet narrow">{name()}</span></>} aside={
        <Show when={told()} fallback="waiting">{(now) => <span class="figures"><span class={now().tone}>{now().word}</span> · <span title="Since the venue says that it was so; where it says nothing, since it changed last">{now().age}</span> · seq {now().sequence === null ? "–" : format.count(now().sequence!)}</span>}</Show>
      }>
        <Ladder state={ladder} decimals={decimals()} />
      </Panel>
      <Panel class="sales" title={<b>Time &amp; sales</b>} aside={
        <label>size ≥ <input ref={filter} class="find small" type="number" min="0" step="any" inputmode="decimal" placeholder="0" aria-label="Only trades of at least this size"
          onInput={(event) => { setLeast(Number(event.currentTarget.value) || 0); touch(); }} onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()} /></label>
      }>
        <TapeList least={least()} />
      </Panel>
    </main>
  );
}
