// Figures as people read them. Digits stay those that the server sent; only grouping and rounding for the eye happen here.

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
export const NONE = "–";
const MINUS = "−";

/** "1234567.50" → "1,234,567.50"; a typographic minus. */
export function group(text: string): string {
  const negative = text.startsWith("-");
  const [whole = "", fraction] = (negative ? text.slice(1) : text).split(".");
  const grouped = whole.length > 3 ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole;
  return (negative ? MINUS : "") + grouped + (fraction === undefined ? "" : "." + fraction);
}

export function exact(text: string | null | undefined): string {
  return text == null ? NONE : group(text);
}

/** Exact digits with zeros up to so many decimals: a column of prices lines up. */
export function padded(text: string, places: number): string {
  const missing = places - decimals(text);
  return group(missing > 0 ? text + (text.includes(".") ? "" : ".") + "0".repeat(missing) : text);
}

/** A size or volume in about six characters. */
export function short(text: string | null | undefined): string {
  if (text == null) return NONE;
  const size = Number(text);
  if (size >= 1e5) return compact.format(size);
  if (text.length <= 6) return group(text);
  if (size >= 1000) return group(size.toFixed(0));
  if (size >= 1) return group(String(Number(size.toPrecision(5))));
  if (size >= 0.0001 || !(size > 0)) return size.toFixed(4);
  return size.toFixed(1 - Math.floor(Math.log10(size))).replace(/0+$/, ""); // two figures, longer than six
}

export function shortNumber(value: number): string {
  return Number.isFinite(value) ? (Math.abs(value) >= 1e4 ? compact.format(value) : group(String(Number(value.toPrecision(5))))) : NONE;
}

export function fixed(value: number, decimals: number): string {
  return Number.isFinite(value) ? group(value.toFixed(decimals)).replace(/^−(0(\.0+)?)$/, "$1") : NONE;
}

/** Basis points: "1.53", "0.0032". What is less than a tenth of one is not nothing. */
export function bps(value: number): string {
  return fixed(value, value !== 0 && Math.abs(value) < 0.1 ? 4 : 2);
}

/** "+0.12", "−3.40", "0.00": the sign is always there, so colour is never the only mark. */
export function signed(text: string | null | undefined): string {
  if (text == null) return NONE;
  return Number(text) > 0 ? "+" + group(text) : group(text).replace(/^−(0(\.0+)?)$/, "$1");
}

/** "▲ 1.24%", "▼ 0.03%", "0.00%". */
export function percent(value: number): string {
  if (!Number.isFinite(value)) return NONE;
  const text = Math.abs(value).toFixed(2) + "%";
  return value > 0 ? "▲ " + text : value < 0 ? "▼ " + text : text;
}

export type Tone = "up" | "down" | "quiet";

export function tone(value: number): Tone {
  return value > 0 ? "up" : value < 0 ? "down" : "quiet";
}

/** An age in at most six characters: "0.4 s", "12 s", "7 m", "2 h 14 m", "3 d". */
export function age(ms: number): string {
  if (!Number.isFinite(ms)) return NONE;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return seconds.toFixed(1) + " s";
  if (seconds < 100) return Math.floor(seconds) + " s";
  if (seconds < 5400) return Math.floor(seconds / 60) + " m";
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
  return Math.floor(seconds / 86_400) + " d";
}

/** A lag: "12.3", "0.42", "1,204"; negative ones stay, they mean a wrong clock. */
export function millis(value: number): string {
  if (!Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

export function count(value: number): string {
  return Number.isFinite(value) ? group(String(Math.round(value))) : NONE;
}

/** Decimals of a price text. */
export function decimals(text: string): number {
  const dot = text.indexOf(".");
  return dot < 0 ? 0 : text.length - dot - 1;
}
