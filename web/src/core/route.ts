// The address after `#/`: which screen, and of which instrument.

import { createSignal, onCleanup } from "solid-js";

export const PAGES = ["monitor", "chart", "depth", "lag", "arbitrage", "alerts", "about"] as const;
export type Page = (typeof PAGES)[number];
export type Route = { page: Page; symbol: string | null };

export function parse(hash: string): Route {
  const [page = "", symbol = ""] = hash.replace(/^#?\/?/, "").split("/");
  const known = (PAGES as readonly string[]).includes(page) ? (page as Page) : "monitor";
  return { page: known, symbol: symbol ? decoded(symbol) : null };
}

/** An address that is cut off in the middle of a letter (`%E0%A4`) is taken as it stands: no instrument has that name. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const [route, set] = createSignal<Route>(parse(""));
const changed = (): void => void set(parse(location.hash));

export function createRoute(): () => Route {
  changed();
  window.addEventListener("hashchange", changed);
  onCleanup(() => window.removeEventListener("hashchange", changed));
  return route;
}

/** Go there at once: a busy browser tells of two changes of the address when both were made, and the first is never seen. */
export function go(page: Page, symbol?: string | null): void {
  location.hash = `#/${page}${symbol ? "/" + encodeURIComponent(symbol) : ""}`;
  changed();
}
