// The people's watchlists, where the server keeps some.

import { createSignal } from "solid-js";
import { get, type Listed } from "../core/rest";

export type List = { name: string; symbols: string[] };

export const [lists, setLists] = createSignal<List[]>([]);
const [chosen, setChosen] = createSignal<string | null>(null);
/** What the page around us wants shown, where there is one (`embed.js`). */
const [told, setTold] = createSignal<List | null>(null);

export const chooseList = (name: string | null): void => void setChosen(name);
export const chosenList = (): List | null => told() ?? lists().find((list) => list.name === chosen()) ?? null;

export async function learnLists(): Promise<void> {
  try {
    setLists((await get<Listed<List>>("watchlists")).data);
  } catch {
    setLists([]); // a server without watchlists has every instrument in one
  }
}

/** Listen to the page around us: it may say which symbols to show, if it is of this server. */
export function hearPage(): void {
  if (window.parent === window) return;
  document.documentElement.classList.add("framed");
  window.addEventListener("message", (event) => {
    const symbols: unknown = (event.data as { symbols?: unknown } | null)?.symbols;
    if (event.origin !== location.origin || event.source !== window.parent || !Array.isArray(symbols)) return;
    const names = symbols.filter((each): each is string => typeof each === "string");
    setTold(names.includes("*") ? null : { name: "", symbols: names });
  });
}
