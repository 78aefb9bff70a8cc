// Whether the server still knows who we are. Where no key is needed nothing here ever happens.

import { createSignal } from "solid-js";

const [over, setOver] = createSignal(false);

/** Whether the server said that a key is needed: then nothing is asked any more, and a link leads to where one signs in. */
export const isSignedOut = over;
export const signOut = (): void => void setOver(true);
export const SAID = "the session is over: sign in again";

/** Where one signs in, and comes back to the screen that the address names; inside of another page of ours, to that page. */
export function wayIn(here: { pathname: string; search: string; hash: string }): string {
  return `/login?next=${encodeURIComponent(here.pathname + here.search).replaceAll("%2F", "/")}${here.hash}`;
}

/** Somebody who signed in elsewhere and comes back to this window finds it as it was: it begins anew. */
export function comeBack(): () => void {
  const looked = async (): Promise<void> => {
    if (document.hidden || !over()) return;
    const answer = await fetch("/api/v1/feeds").catch(() => null);
    if (answer?.ok) location.reload();
  };
  const look = (): void => void looked();
  document.addEventListener("visibilitychange", look);
  return () => document.removeEventListener("visibilitychange", look);
}
