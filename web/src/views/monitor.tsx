import type { JSX } from "solid-js";
import { count } from "../core/format";
import { held } from "../core/loop";
import { breadth } from "../core/market";
import { named } from "../core/protocol";
import { useTerminal } from "../core/terminal";
import { createAged } from "../parts/aged";
import { DepthStrip } from "../parts/depthstrip";
import { createInterval, Intervals } from "../parts/intervals";
import { Panel } from "../parts/panel";
import { Prices } from "../parts/prices";
import { TapeList } from "../parts/tapelist";
import { Watchlist } from "../parts/watchlist";

const STRIP_MS = 30_000;

export default function Monitor(): JSX.Element {
  const terminal = useTerminal();
  const aged = createAged();
  const [interval, setInterval, suit] = createInterval();
  const name = (): string => named(terminal.selected() ?? "").join(" · ").replace("_", " ");
  return (
    <main class="monitor" classList={{ aged: aged() !== null }}>
      <Breadth />
      <Watchlist />
      <Panel class="chart" title={<><b>{name()}</b> <span class="quiet">{interval()}</span></>} aside={<Intervals value={interval()} set={setInterval} />}>
        <Prices interval={interval()} onBars={suit} compact />
      </Panel>
      <Panel class="strip" title={<b>Depth</b>} aside="last 30 s"><DepthStrip spanMs={STRIP_MS} /></Panel>
      <Panel class="sales" title={<b>Time &amp; sales</b>} aside="ET"><TapeList /></Panel>
    </main>
  );
}

/** How the whole market stands, once a second. */
function Breadth(): JSX.Element {
  const terminal = useTerminal();
  const found = held(() => (terminal.second(), { ...breadth(terminal.market, terminal.now()), of: terminal.market.size }));
  const share = (part: number): string => `${(100 * part) / Math.max(1, found().up + found().down + found().flat)}%`;
  return (
    <div class="breadth" role="group" aria-label="The market as a whole">
      <span class="up">▲ <b>{count(found().up)}</b> up</span>
      <span class="down">▼ <b>{count(found().down)}</b> down</span>
      <span class="quiet">= <b>{count(found().flat)}</b> unchanged</span>
      <i class="bar" aria-hidden="true"><i class="up" style={{ width: share(found().up) }} /><i class="flat" style={{ width: share(found().flat) }} /><i class="down" style={{ width: share(found().down) }} /></i>
      <span class="quiet">active in the last minute <b>{count(found().active)}</b> of {count(found().of)}</span>
      <span class="quiet">silent over 10 min <b>{count(found().silent)}</b></span>
    </div>
  );
}
