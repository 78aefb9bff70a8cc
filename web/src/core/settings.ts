// What a person has set on this machine: looks and layout. Kept in the browser; watchlists and rules live on the server.

import { createEffect, createSignal } from "solid-js";

function kept<T extends string>(name: string, first: T, allowed: readonly T[]) {
  let begun = first;
  try {
    const found = localStorage.getItem(`breadboard.${name}`) as T | null;
    if (found && allowed.includes(found)) begun = found;
  } catch {
    // A browser that keeps nothing begins anew each time.
  }
  const [value, set] = createSignal<T>(begun);
  createEffect(() => {
    document.documentElement.dataset[name] = value();
    try {
      localStorage.setItem(`breadboard.${name}`, value());
    } catch {
      // The same.
    }
  });
  return [value, (next: T) => void set(() => next)] as const;
}

export const THEMES = ["dark", "light"] as const;
export const TICKS = ["blue", "classic", "redup"] as const;
export const DENSITIES = ["compact", "roomy"] as const;
export type Theme = (typeof THEMES)[number];

export const [theme, setTheme] = kept<Theme>("theme", matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark", THEMES);
export const [ticks, setTicks] = kept("ticks", "blue", TICKS);
export const [density, setDensity] = kept("density", "compact", DENSITIES);

/** A colour of the theme as it is now, for canvases. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
