import { For, onCleanup, type JSX } from "solid-js";
import { bind } from "../core/keys";
import { density, DENSITIES, setDensity, setTheme, setTicks, theme, THEMES, ticks, TICKS } from "../core/settings";

function Dialog(props: { title: string; onClose: () => void; children: JSX.Element }): JSX.Element {
  onCleanup(bind({ Escape: () => props.onClose() }));
  return (
    <div class="veil" onClick={(event) => event.target === event.currentTarget && props.onClose()}>
      <div class="dialog" role="dialog" aria-modal="true" aria-label={props.title} tabIndex={-1} ref={(element) => queueMicrotask(() => element.focus())}
        onKeyDown={(event) => keepInside(event)}>
        <header><h2>{props.title}</h2><button class="icon" aria-label="Close" onClick={() => props.onClose()}>✕</button></header>
        {props.children}
      </div>
    </div>
  );
}

/** Tab goes round inside an open dialog. */
function keepInside(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  if (event.key !== "Tab") return;
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>("button, a, input, select")];
  const first = stops[0], last = stops.at(-1);
  if (event.shiftKey ? document.activeElement === first : document.activeElement === last) {
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  }
}

const KEYS: [string, [string[], string][]][] = [
  ["Move", [[["/"], "find a symbol"], [["↑", "↓"], "row, also j and k"], [["Enter"], "open its chart"], [["Esc"], "close, clear"]]],
  ["Screens", [[["g", "m"], "Monitor"], [["g", "c"], "Chart"], [["g", "d"], "Depth & tape"], [["g", "l"], "Lag & health"], [["g", "a"], "Arbitrage"], [["g", "n"], "Alerts"], [["g", "h"], "History and reports"]]],
  ["Chart", [[["1"], "1 minute"], [["5"], "5 minutes"], [["h"], "1 hour"], [["d"], "1 day"], [["s"], "1 second"], [["v"], "average price"], [["T"], "as a table"], [["c"], "compare; again: end it"], [["m"], "measure: ← →, Esc"], [["Shift"], "and a drag: measure"]]],
  ["Screen", [[["P"], "freeze: numbers hold"], [["t"], "filter the tape"], [["b"], "alerts for this symbol"], [["L"], "dark or light"], [["?"], "this list"]]],
];

export function Help(props: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title="Keys" onClose={props.onClose}>
      <div class="keys">
        <For each={KEYS}>{([name, keys]) => (
          <section><h3>{name}</h3><dl>
            <For each={keys}>{([caps, what]) => <div><dt><For each={caps}>{(cap) => <kbd>{cap}</kbd>}</For></dt><dd>{what}</dd></div>}</For>
          </dl></section>
        )}</For>
      </div>
      <p class="quiet">Single keys rest while you type. Prices are not read aloud; alerts and the state of the connection are.</p>
    </Dialog>
  );
}

const NAMES: Record<string, string> = {
  dark: "Dark", light: "Light", blue: "Blue up, orange down", classic: "Green up, red down", redup: "Red up, green down", compact: "Compact", roomy: "Roomy",
};

export function Looks(props: { onClose: () => void }): JSX.Element {
  const choice = <T extends string>(name: string, all: readonly T[], now: () => T, set: (next: T) => void): JSX.Element => (
    <fieldset>
      <legend>{name}</legend>
      <For each={all}>{(each) => <label><input type="radio" name={name} checked={now() === each} onChange={() => set(each)} />{NAMES[each]}</label>}</For>
    </fieldset>
  );
  return (
    <Dialog title="Looks" onClose={props.onClose}>
      {choice("Theme", THEMES, theme, setTheme)}
      {choice("Up and down", TICKS, ticks, setTicks)}
      {choice("Rows", DENSITIES, density, setDensity)}
      <p class="quiet">▲▼ and the sign stay in all of them: colour is never the only mark. Kept in this browser.</p>
    </Dialog>
  );
}
