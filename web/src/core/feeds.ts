// How feeds stand, as the status of each second tells it: by venue, all together, and what there is where there is none.

import type { Status } from "./protocol";

/** What the server says of rows whose feed has said nothing since it began; they may be of any age. */
const SILENT = "stale";
/** Frames. A server that is up to date is behind by some, too: those that came while it was at the last ones. */
const MANY = 5_000;

/** How the feed of a venue stands: where nobody says so, it is not live. One aside from the market that is not connected harms nothing. */
export function feedStates(status: Status | null): (venue: string) => string {
  const states = new Map(status?.feeds.map((feed) => [feed.venue, feed.aside && feed.state === "down" ? "live" : feed.state]));
  return (venue) => states.get(venue) ?? SILENT;
}

/** When anything of a venue was heard last, ms of the server's clock; null where its feed has said nothing since the server began. */
export function heardAt(status: Status, venue: string): number | null {
  const ages = status.feeds.filter((feed) => feed.venue === venue && Number.isFinite(feed.age_ms)).map((feed) => feed.age_ms);
  return ages.length ? status.t - Math.min(...ages) : null;
}

/** How many frames of the journal the server has still to take before what it tells is of now; null where it is there. */
export function catchingUp(status: Status | null): number | null {
  const behind = status?.behind_frames ?? 0;
  if (!status || behind <= 0) return null;
  return status.ready === false || (behind > MANY && status.feed !== "live") ? behind : null;
}

/** Where the data come from, in a word for the badge. Without a feed it is what the rows say that were replayed, imported or kept. */
export function origin(status: Status | null): { kind: string; text: string } {
  if (!status?.provenance) return { kind: "none", text: "NO DATA" };
  if (status.provenance === "live" && status.feeds.some((feed) => feed.delayed)) return { kind: "delayed", text: "DELAYED" };
  return { kind: status.provenance, text: status.provenance.toUpperCase() };
}
