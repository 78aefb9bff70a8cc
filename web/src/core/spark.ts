// A row's little line of the last prices, as an SVG polyline: a canvas in each row would be a layer of its own to the browser.

export const WIDTH = 62;
export const HEIGHT = 16;
const EDGE = 2;
/** From so many prices on it takes the whole width, and not only from a full five minutes on. */
const FEWEST = 12;

/** Where the line goes, oldest price first, px; nothing for fewer than two prices. */
export function points(prices: number[]): string {
  if (prices.length < 2) return "";
  const low = Math.min(...prices), high = Math.max(...prices);
  const step = (WIDTH - 2 * EDGE) / (Math.max(FEWEST, prices.length) - 1), first = WIDTH - EDGE - (prices.length - 1) * step;
  const down = (price: number): number => (high === low ? HEIGHT / 2 : EDGE + (HEIGHT - 2 * EDGE) * ((high - price) / (high - low)));
  return prices.map((price, at) => `${(first + at * step).toFixed(1)},${down(price).toFixed(1)}`).join(" ");
}
