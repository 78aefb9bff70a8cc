// Time & sales: as many rows as there is room for, written again with each frame that brought something.

import { createEffect, createMemo, createSignal, on, onCleanup, Show, type JSX } from "solid-js";
import { clock, day } from "../core/eastern";
import { age, group, padded, short } from "../core/format";
import { paint, touch } from "../core/loop";
import { millisOf, type Trade } from "../core/protocol";
import { get } from "../core/rest";
import type { Print } from "../core/tape";
import { RECALLED_MS, useTerminal } from "../core/terminal";

type Line = { element: HTMLElement; texts: Text[] };
/** An instrument that somebody stays at for so long without a trade is asked about: a row has no time of its trade. */
const ASKED_AFTER_MS = 1_500;
const MARK = { buy: "▲", sell: "▼" } as const;
const SILENT: [string, string] = ["No trade yet", "Silence is normal for a thin name."];
const SAID = { buy: "bought at the ask", sell: "sold at the bid" } as const;

export function TapeList(props: { least?: number; venue?: boolean }): JSX.Element {
  const terminal = useTerminal();
  const [any, setAny] = createSignal(false);
  const [none, setNone] = createSignal<[title: string, why: string]>(SILENT);
  const [newest, setNewest] = createSignal(NaN);
  const known = createMemo(() => terminal.isKnown());
  let box!: HTMLDivElement;
  const lines: Line[] = [];

  const make = (): Line => {
    const element = document.createElement("div");
    element.className = "print";
    element.setAttribute("role", "row");
    const texts = ["left time", "price", "size", "mark"].map((name) => {
      const cell = document.createElement("span"), text = document.createTextNode("");
      cell.className = name;
      cell.setAttribute("role", "cell");
      cell.append(text);
      element.append(cell);
      return text;
    });
    box.append(element);
    return { element, texts };
  };

  const write = (line: Line, print: Print, places: number): void => {
    const words = [clock(print.ms, true), padded(print.price, places), short(print.size), print.side ? MARK[print.side] : "·"];
    words.forEach((word, at) => {
      if (line.texts[at]!.data !== word) line.texts[at]!.data = word;
    });
    const tone = print.side === "buy" ? "up" : print.side === "sell" ? "down" : "quiet";
    const name = `print ${tone}${print.skipped ? " after" : ""}`;
    if (line.element.className !== name) line.element.className = name;
    if (print.skipped) line.element.dataset.skipped = `${group(String(print.skipped))} trades not sent here`;
    line.element.title = print.side ? SAID[print.side] : "the venue does not say who crossed";
  };

  createEffect(on([terminal.selected, any], ([id, some]) => {
    setNewest(NaN);
    if (!id || some) return;
    const timer = setTimeout(() => get<{ trade: Pick<Trade, "ts_event" | "ts_recv"> | null }>(`stocks/${encodeURIComponent(id)}`).then(({ trade }) => {
      if (trade && terminal.selected() === id) setNewest(millisOf(trade.ts_event ?? trade.ts_recv)), touch();
    }, () => undefined), ASKED_AFTER_MS);
    onCleanup(() => clearTimeout(timer));
  }));

  /** Why there is nothing to show. */
  const empty = (least: number): [title: string, why: string] => {
    const { prints } = terminal.tape, last = newest();
    if (prints.length) return ["None of that size", `Of the ${prints.length} trades here none has ${least} or more.`];
    if (Number.isNaN(last)) return SILENT;
    const old = terminal.now() - last;
    return [old > RECALLED_MS ? "No trade in the last two minutes" : "No trade here yet", `The newest was at ${day(last)} ${clock(last)} ET, ${age(Math.max(0, old))} ago.`];
  };

  onCleanup(paint(() => {
    if (!box?.clientHeight) return;
    const room = Math.min(200, Math.ceil(box.clientHeight / 20));
    while (lines.length < room) lines.push(make());
    const { prints } = terminal.tape, least = props.least ?? 0;
    const at = terminal.market.place.get(terminal.selected() ?? ""), places = at === undefined ? 2 : Math.max(2, terminal.market.hints[at]!);
    let row = 0;
    for (let back = prints.length - 1; back >= 0 && row < room; back--) {
      const print = prints[back]!;
      if (least > 0 && !(Number(print.size) >= least)) continue;
      const line = lines[row++]!;
      line.element.hidden = false;
      write(line, print, places);
    }
    for (let rest = row; rest < lines.length; rest++) lines[rest]!.element.hidden = true;
    setAny(row > 0);
    if (row === 0) setNone((before) => { const next = empty(least); return next[0] === before[0] && next[1] === before[1] ? before : next; });
  }));

  return (
    <div class="tape ticks">
      <div class="tapebox" role="table" aria-label="Time and sales, newest first" ref={(element) => { box = element; touch(); }} />
      <Show when={!any()}><div class="empty small">
        <Show when={known()} fallback={<><b>Nobody here knows {terminal.selected()}</b><span>No feed has named it, and nothing of it is kept. <kbd>/</kbd> finds what there is.</span></>}>
          <b>{none()[0]}</b><span>{none()[1]}</span>
        </Show>
      </div></Show>
    </div>
  );
}
