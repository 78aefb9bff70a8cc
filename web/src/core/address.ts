// The instrument that an address names. Ours name it by its id; people also write a symbol alone, or small letters.

import { createEffect, createSignal, on, untrack } from "solid-js";
import { named } from "./protocol";
import type { Route } from "./route";
import type { Terminal } from "./terminal";

/** A word that is not understood yet: the ids that it may stand for are a person's to choose from; none before the first rows. */
export type Question = { word: string; ids: string[] };

/** The ids that a word stands for: the one that it is, in whatever letters, or those of a symbol, one a venue. */
export function meant(ids: readonly string[], word: string): string[] {
  if (ids.includes(word)) return [word];
  const name = word.toUpperCase();
  const own = ids.filter((id) => id.toUpperCase() === name);
  return own.length ? own : ids.filter((id) => named(id)[0].toUpperCase() === name);
}

/** Whether a word looks like an id: such a one is shown before anybody has told of it, and what the store has of it if nobody does. */
function isId(word: string): boolean {
  return named(word)[1] !== "" && word === word.toUpperCase();
}

/**
 * Have the choice follow the address, by id and nothing else: trades and books are told by id, and a chart under another
 * name would stand still. Without an address the first that there is is chosen. What is returned is not null while the
 * address stands for nothing that could be shown.
 */
export function followAddress(terminal: Terminal, route: () => Route): () => Question | null {
  const { market } = terminal;
  const [question, ask] = createSignal<Question | null>(null);
  let looked = 0;

  const settle = (word: string): void => {
    const ids = meant(market.ids, word);
    const heard = market.size > 0 || untrack(terminal.status)?.instruments === 0;
    looked = market.size;
    if (ids.length < 2 && (ids.length || heard || isId(word))) ask(null), terminal.select(ids[0] ?? word);
    else ask({ word, ids });
  };
  createEffect(on(() => route().symbol, (symbol) => (symbol && symbol !== terminal.selected() ? settle(symbol) : ask(null))));
  createEffect(on(terminal.selected, () => ask(null), { defer: true }));
  // What nobody knew may be known by now: once a second, and only where there is more to look through.
  createEffect(on(terminal.status, () => {
    const word = untrack(question)?.word ?? untrack(terminal.selected);
    if (!word) market.size && terminal.select(market.ids[0]!);
    else if (!market.place.has(word) && (market.size !== looked || untrack(question)?.ids.length === 0)) settle(word);
  }));
  return question;
}
