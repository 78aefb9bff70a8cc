// Exchange time. A zone's offset is asked for the instant in question, so both ends of a change of clocks are right.

const HOUR = 3_600_000;
const parts = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York", hourCycle: "h23", weekday: "short",
  year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
});
const offsets = new Map<number, number>();

/** New York's wall clock minus UTC at this instant, in ms (−4 h or −5 h). */
export function offset(ms: number): number {
  const hour = Math.floor(ms / HOUR);
  const known = offsets.get(hour);
  if (known !== undefined) return known;
  const at: Record<string, number> = {};
  for (const part of parts.formatToParts(hour * HOUR)) at[part.type] = Number(part.value);
  const wall = Date.UTC(at.year!, at.month! - 1, at.day!, at.hour!, at.minute!, at.second!);
  const found = wall - hour * HOUR;
  if (offsets.size > 20_000) offsets.clear();
  offsets.set(hour, found);
  return found;
}

/** The instant moved so that its UTC digits read as New York's clock: what a chart's axis is given. */
export function shifted(ms: number): number {
  return ms + offset(ms);
}

/** The instant whose `shifted` this is. In the hour that comes twice, the later one. */
export function unshifted(wall: number): number {
  return wall - offset(wall - offset(wall));
}

export function clock(ms: number, withMillis = false): string {
  return new Date(shifted(ms)).toISOString().slice(11, withMillis ? 23 : 19);
}

export function day(ms: number): string {
  return new Date(shifted(ms)).toISOString().slice(0, 10);
}

export function utc(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

export type Session = "pre" | "regular" | "after" | "closed";

/** The session of US equities that the clock says. Holidays are the server's to know: `market_hours` of a row goes first. */
export function session(ms: number): Session {
  const wall = new Date(shifted(ms));
  const weekday = wall.getUTCDay();
  const minute = wall.getUTCHours() * 60 + wall.getUTCMinutes();
  if (weekday === 0 || weekday === 6 || minute < 240 || minute >= 1200) return "closed";
  return minute < 570 ? "pre" : minute < 960 ? "regular" : "after";
}
