// The shell: bars, navigation, the screen that the address names, and the keys that work everywhere.

import { createEffect, createMemo, createSignal, For, lazy, on, onCleanup, Show, Switch, Match, type JSX } from "solid-js";
import { followAddress } from "./core/address";
import { setOnlyChosen } from "./core/alerts";
import { catchingUp } from "./core/feeds";
import { bind, listen } from "./core/keys";
import { chosen, freeze, isFrozen, touch } from "./core/loop";
import { createRoute, go, type Page } from "./core/route";
import { comeBack, isSignedOut, wayIn } from "./core/session";
import { setTheme, theme } from "./core/settings";
import { speak, speakInto } from "./core/speak";
import { Terminal, TerminalContext } from "./core/terminal";
import { BottomBar, feedWord } from "./parts/bottombar";
import { Help, Looks } from "./parts/dialog";
import { learnLists } from "./parts/lists";
import { TopBar } from "./parts/topbar";
import { Which } from "./parts/which";
import Monitor from "./views/monitor";

const Chart = lazy(() => import("./views/chart"));
const Depth = lazy(() => import("./views/depth"));
const Lag = lazy(() => import("./views/lag"));
const Arbitrage = lazy(() => import("./views/arbitrage"));
const Alerts = lazy(() => import("./views/alerts"));

const NAV: [Page, string, string][] = [
  ["monitor", "Watch", "m"], ["chart", "Chart", "c"], ["depth", "Depth", "d"], ["lag", "Lag", "l"], ["arbitrage", "Arb", "a"], ["alerts", "Alerts", "n"],
];

/** So long is said that a frozen screen moves again. */
const THAWED_MS = 3_000;

export function App(): JSX.Element {
  const terminal = new Terminal();
  const route = createRoute();
  const screen = createMemo(() => route().page);
  const [open, setOpen] = createSignal<"help" | "looks" | null>(null);
  const [frozenAt, setFrozenAt] = createSignal<number | null>(null);
  const [thawed, setThawed] = createSignal(false);
  let moving = 0;
  void learnLists();

  // The address and the choice follow each other; moving along a list leaves no trail behind.
  const question = followAddress(terminal, route);
  createEffect(() => {
    const id = terminal.selected(), { page } = route();
    if (id && !question()) history.replaceState(null, "", `#/${page}/${encodeURIComponent(id)}`);
    touch();
  });
  createEffect(() => (document.title = `${terminal.selected() ?? "Breadboard"} · ${route().page}`));
  createEffect(on(() => feedWord(terminal.link(), terminal.status()?.feed, catchingUp(terminal.status()))[0].replace(/[\d.,]+ ?[smh]?/g, "").trim(), (word, before) => before !== undefined && word !== before && speak(`feed ${word}`)));
  createEffect(() => {
    const stale = terminal.link().quietMs > 2_000;
    document.documentElement.classList.toggle("cut", stale);
  });
  const toggleFreeze = (): void => {
    const next = frozenAt() === null ? performance.now() : null;
    setFrozenAt(next);
    freeze(next !== null);
    document.documentElement.classList.toggle("held", next !== null);
    speak(next === null ? "the screen moves again" : "the screen is frozen");
    clearTimeout(moving);
    setThawed(next === null);
    moving = window.setTimeout(() => setThawed(false), THAWED_MS);
  };
  // What is held is of one instrument, interval and screen: under the name of another it would be a lie.
  createEffect(on([terminal.selected, screen, chosen], () => isFrozen() && toggleFreeze(), { defer: true }));
  const frozenFor = (): number | null => {
    terminal.second();
    const at = frozenAt();
    return at === null ? null : Math.floor((performance.now() - at) / 1000);
  };
  const goTo = (page: Page): void => go(page, terminal.selected());
  onCleanup(listen());
  onCleanup(comeBack());
  onCleanup(bind({
    ...Object.fromEntries(NAV.map(([page, , key]) => [`g ${key}`, () => goTo(page)])),
    "g h": () => void location.assign("/"),
    b: () => (setOnlyChosen(true), goTo("alerts")),
    p: toggleFreeze, P: toggleFreeze,
    "?": () => setOpen(open() === "help" ? null : "help"),
    ",": () => setOpen("looks"),
    L: () => setTheme(theme() === "dark" ? "light" : "dark"),
  }));

  return (
    <TerminalContext.Provider value={terminal}>
      <TopBar alerts={terminal.alerts().length} frozen={frozenFor()} thawed={thawed()} onHelp={() => setOpen("help")} onSettings={() => setOpen("looks")} />
      <nav class="side" aria-label="Screens">
        <For each={NAV}>{([page, name, key]) => (
          <a href={`#/${page}`} aria-current={route().page === page ? "page" : undefined} title={`${name} (g ${key})`} onClick={(event) => { event.preventDefault(); goTo(page); }}>{name}</a>
        )}</For>
      </nav>
      <Switch>
        <Match when={question()}>{(asked) => <Which question={asked()} page={route().page} />}</Match>
        <Match when={route().page === "chart"}><Chart /></Match>
        <Match when={route().page === "depth"}><Depth /></Match>
        <Match when={route().page === "lag"}><Lag /></Match>
        <Match when={route().page === "arbitrage"}><Arbitrage /></Match>
        <Match when={route().page === "alerts"}><Alerts /></Match>
        <Match when={true}><Monitor /></Match>
      </Switch>
      <BottomBar />
      <Show when={isSignedOut()}>
        <p class="signin" role="alert">The session is over, and what is shown is old. <a target="_top" href={(terminal.second(), wayIn((window.top ?? window).location))}>Sign in</a></p>
      </Show>
      <div class="sr" role="status" aria-live="polite" ref={speakInto} />
      <Show when={open() === "help"}><Help onClose={() => setOpen(null)} /></Show>
      <Show when={open() === "looks"}><Looks onClose={() => setOpen(null)} /></Show>
    </TerminalContext.Provider>
  );
}
