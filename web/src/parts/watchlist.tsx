// The grid of instruments: some forty rows that are moved and written again, however many instruments there are.

import { createEffect, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import { feedStates } from "../core/feeds";
import { go } from "../core/route";
import { bind } from "../core/keys";
import { paint, touch } from "../core/loop";
import { ordered, type Sort } from "../core/market";
import { density } from "../core/settings";
import { useTerminal } from "../core/terminal";
import { COLUMNS, fitting, template, type Column } from "./columns";
import { Panel } from "./panel";
import { Slot } from "./slot";
import { lists, chosenList, chooseList } from "./lists";

type Line = { element: HTMLElement; slots: Slot[] };

const SPARE = 3;

export function Watchlist(): JSX.Element {
  const terminal = useTerminal();
  const { market } = terminal;
  const [filter, setFilter] = createSignal("");
  const [sort, setSort] = createSignal<Sort>({ key: "symbol", down: false });
  const [columns, setColumns] = createSignal<Column[]>(COLUMNS);
  const [count, setCount] = createSignal(0);
  let order: Uint32Array = new Uint32Array();
  let scroller!: HTMLDivElement;
  let rowHeight = 24;
  let lines: Line[] = [];
  let hovering = false;

  const arrange = (): void => {
    const only = chosenList();
    order = ordered(market, filter(), sort(), only ? new Set(only.symbols) : null);
    if (order.length !== count()) setCount(order.length);
    touch();
  };

  // Once a second, and not under the pointer: a row that is about to be clicked stays where it is.
  createEffect(() => {
    terminal.second();
    const stable = sort().key === "symbol" || sort().key === "venue";
    if (!hovering || stable || order.length === 0) arrange();
  });
  createEffect(() => (filter(), sort(), chosenList(), arrange()));

  const index = (): number => order.indexOf(market.place.get(terminal.selected() ?? "") ?? -1);

  const reveal = (place: number): void => {
    const top = place * rowHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + rowHeight > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + rowHeight - scroller.clientHeight;
  };

  const move = (by: number): void => {
    if (!order.length) return;
    const now = index();
    const next = Math.max(0, Math.min(order.length - 1, now < 0 ? 0 : now + by));
    terminal.select(market.ids[order[next]!]!);
    reveal(next);
    touch();
  };

  const page = (): number => Math.max(1, Math.floor(scroller.clientHeight / rowHeight) - 1);
  onCleanup(bind({
    ArrowDown: () => move(1), ArrowUp: () => move(-1), j: () => move(1), k: () => move(-1),
    PageDown: () => move(page()), PageUp: () => move(-page()), Home: () => move(-order.length), End: () => move(order.length),
    Enter: () => terminal.selected() && go("chart", terminal.selected()),
  }));

  const make = (): Line => {
    const element = document.createElement("div");
    element.className = "line";
    element.setAttribute("role", "row");
    const slots = columns().map((column, place) => {
      const cell = document.createElement("span");
      cell.setAttribute("role", "gridcell");
      cell.setAttribute("aria-colindex", String(place + 1));
      if (column.left) cell.className = "left";
      element.append(cell);
      return new Slot(cell);
    });
    scroller.append(element);
    return { element, slots };
  };

  const paintRows = (): void => {
    if (!scroller.clientHeight) return;
    const first = Math.max(0, Math.floor(scroller.scrollTop / rowHeight) - SPARE);
    const many = Math.min(order.length - first, Math.ceil(scroller.clientHeight / rowHeight) + 2 * SPARE);
    while (lines.length < many) lines.push(make());
    const now = terminal.now(), selected = terminal.selected(), shape = columns();
    const stateOf = feedStates(terminal.status());
    const visible: string[] = [];
    for (let row = 0; row < lines.length; row++) {
      const line = lines[row]!;
      // A place has its own row, so that one which stays on screen while others scroll by is not written anew.
      const place = first + ((row - (first % lines.length) + lines.length) % lines.length);
      line.element.hidden = place >= first + many;
      if (place >= first + many) continue;
      const at = order[place]!, id = market.ids[at]!, feed = stateOf(market.venues[at]!);
      visible.push(id);
      const { element } = line;
      element.style.transform = `translateY(${place * rowHeight}px)`;
      element.dataset.id = id;
      element.setAttribute("aria-rowindex", String(place + 2));
      element.setAttribute("aria-selected", String(id === selected));
      element.classList.toggle("odd", place % 2 === 1);
      element.classList.toggle("stale", feed !== "live");
      for (let column = 0; column < shape.length; column++) shape[column]!.write(line.slots[column]!, { market, at, now, feed });
    }
    terminal.show(visible.sort());
  };

  const settle = (element: HTMLDivElement): void => {
    scroller = element;
    const measure = (): void => {
      const narrow = innerWidth <= 760;
      const wanted = narrow ? COLUMNS.filter((column) => ["symbol", "last", "percent", "lag"].includes(column.key)) : fitting(element.clientWidth - 8);
      rowHeight = narrow || matchMedia("(pointer: coarse)").matches ? 44 : density() === "roomy" ? 30 : 24;
      element.style.setProperty("--row", `${rowHeight}px`);
      element.parentElement!.style.setProperty("--bar", `${element.offsetWidth - element.clientWidth}px`); // heads above cells
      if (lines.length === 0 || wanted.some((column, at) => column !== columns()[at]) || wanted.length !== columns().length) {
        for (const line of lines) line.element.remove();
        lines = [];
        setColumns(wanted);
      }
      touch();
    };
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    createEffect(on(density, measure));
    onCleanup(() => watcher.disconnect());
    onCleanup(paint(paintRows));
  };

  const sorted = (column: Column): "ascending" | "descending" | undefined => {
    if (!column.sort || sort().key !== column.sort) return undefined;
    return sort().down ? "descending" : "ascending";
  };
  const by = (column: Column): void => {
    if (!column.sort) return;
    const same = sort().key === column.sort;
    setSort({ key: column.sort, down: same ? !sort().down : !(column.left ?? false) });
  };
  const click = (event: MouseEvent): void => {
    const line = (event.target as Element).closest<HTMLElement>(".line");
    if (line?.dataset.id) terminal.select(line.dataset.id), touch();
  };
  const open = (event: MouseEvent): void => {
    const line = (event.target as Element).closest<HTMLElement>(".line");
    if (line?.dataset.id) go("chart", line.dataset.id);
  };

  return (
    <Panel class="watch ticks" title={
      <>
        <Show when={lists().length} fallback={<b>Watchlist</b>}>
          <label class="bare">
            <span class="sr">Watchlist</span>
            <select onChange={(event) => chooseList(event.currentTarget.value || null)}>
              <option value="">All instruments</option>
              <For each={lists()}>{(list) => <option value={list.name} selected={list.name === chosenList()?.name}>{list.name}</option>}</For>
            </select>
          </label>
        </Show>
        <span class="quiet">{count()} {count() === 1 ? "symbol" : "symbols"}</span>
      </>
    } aside={
      <input class="find small" type="search" placeholder="filter" aria-label="Filter the watchlist by symbol or venue" value={filter()}
        onInput={(event) => { setFilter(event.currentTarget.value); scroller.scrollTop = 0; }}
        onKeyDown={(event) => event.key === "Escape" && (setFilter(""), event.currentTarget.blur())} />
    }>
      <div class="grid" role="grid" aria-label="Watchlist" aria-rowcount={count() + 1} aria-colcount={columns().length} style={{ "--cols": template(columns()) }}>
        <div class="head" role="row" aria-rowindex="1">
          <For each={columns()}>{(column, place) => (
            <span role="columnheader" aria-colindex={place() + 1} aria-sort={sorted(column)} classList={{ left: column.left ?? false }} title={column.hint}>
              <Show when={column.sort} fallback={<>{column.title}<Show when={!column.title}><span class="sr">State</span></Show></>}>
                <button tabIndex={-1} onClick={() => by(column)}>
                  {column.title}<Show when={column.unit}><small> {column.unit}</small></Show>
                  <Show when={sorted(column)}><i aria-hidden="true">{sort().down ? " ▾" : " ▴"}</i></Show>
                </button>
              </Show>
            </span>
          )}</For>
        </div>
        <div class="scroll" role="rowgroup" tabIndex={0} ref={settle} onScroll={touch} onClick={click} onDblClick={open}
          onPointerEnter={() => (hovering = true)} onPointerLeave={() => (hovering = false)}>
          <div role="presentation" style={{ height: `calc(${count()} * var(--row, 24px))` }} />
        </div>
      </div>
      <Show when={count() === 0}>
        <div class="empty">
          <Show when={market.size} fallback={<><b>Waiting for the first tick</b><span>Instruments appear here as soon as a feed delivers.</span></>}>
            <b>Nothing matches {filter() ? `“${filter()}”` : "this list"}</b>
            <span>{market.size} instruments are known. <kbd>Esc</kbd> in the filter shows them.</span>
          </Show>
        </div>
      </Show>
    </Panel>
  );
}
