// The prices from before this page was opened, of all instruments at once, for the little lines of their rows.

import { quoted, sql } from "./asked";
import { named } from "./protocol";

/** When (ms) an instrument had which price, oldest first. */
export type Prices = [at: number, price: number][];

/** Of so many, bars of five seconds are asked for by their names; of more, those of minutes, which are a twelfth. */
const FEW = 300;
const MINUTE_MS = 60_000;

/** The closing prices of the bars that closed, or are open, in the last `spanMs` before `now`. */
export async function pastPrices(ids: readonly string[], spanMs: number, now: number): Promise<Map<string, Prices>> {
  if (!ids.length) return new Map();
  const few = ids.length <= FEW, until = Math.floor(now), since = until - spanMs;
  const names = ids.map((id) => `(${named(id).map(quoted).reverse().join(",")})`).join(",");
  const rows = await sql<{ symbol: string; venue: string; ats: (number | string)[]; prices: number[] }>(
    "select symbol, venue, groupArray(at) as ats, groupArray(price) as prices from (" +
    `select symbol, venue, least(toUnixTimestamp64Milli(ts_close), ${until}) as at, toFloat64(close) as price from bars ` +
    // The store is in order of when bars open: without that bound it would read the whole day.
    `where interval = '${few ? "5s" : "1m"}' and ts_open > fromUnixTimestamp64Milli(${since - MINUTE_MS}) ` +
    `and ts_close > fromUnixTimestamp64Milli(${since}) and ts_open <= fromUnixTimestamp64Milli(${until})${few ? ` and (venue, symbol) in (${names})` : ""} order by ts_open) group by symbol, venue`);
  return new Map(rows.map((row) => [`${row.symbol}.${row.venue}`, row.ats.map((at, place) => [Number(at), row.prices[place]!])]));
}
