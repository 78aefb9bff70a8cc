import { For, Show, type JSX } from "solid-js";
import { clock, day, utc } from "../core/eastern";
import * as format from "../core/format";
import { dateSaid, stateOf, type Bar, type Interval } from "../core/bars";
import { hasSessions, sessionOf } from "../core/sessions";

/** The chart's bars as a table, newest first: what a canvas cannot tell to everybody. */
export function BarTable(props: { bars: readonly Bar[]; decimals: number; interval: Interval; now: number }): JSX.Element {
  const newest = (): Bar[] => props.bars.slice(-200).reverse();
  const keeps = (): boolean => hasSessions(props.bars);
  const price = (value: number): string => format.fixed(value, props.decimals);
  const when = (bar: Bar): string => (props.interval === "1d" ? dateSaid(bar.t) : `${day(bar.t)} ${clock(bar.t)}`);
  return (
    <div class="tablebox" tabIndex={0} role="region" aria-label="Bars as a table">
      <table>
        <thead><tr><th scope="col" class="left">{props.interval === "1d" ? "Day" : "Opened, ET"}</th><th scope="col">UTC</th><th scope="col">Open</th><th scope="col">High</th><th scope="col">Low</th><th scope="col">Close</th><th scope="col">Volume</th><th scope="col">VWAP</th><th scope="col">Trades</th><Show when={keeps()}><th scope="col">Session</th></Show><th scope="col">State</th></tr></thead>
        <tbody>
          <For each={newest()}>{(bar) => (
            <tr>
              <th scope="row" class="left">{when(bar)}</th><td>{utc(bar.t)}</td><td>{price(bar.open)}</td><td>{price(bar.high)}</td><td>{price(bar.low)}</td>
              <td class={format.tone(bar.close - bar.open)}>{price(bar.close)}</td><td>{format.shortNumber(bar.volume)}</td>
              <td>{bar.volume > 0 ? price(bar.turnover / bar.volume) : format.NONE}</td><td>{bar.trades}</td><Show when={keeps()}><td>{sessionOf(bar, props.interval)}</td></Show><td>{stateOf(bar, props.interval, props.now)}</td>
            </tr>
          )}</For>
        </tbody>
      </table>
    </div>
  );
}
