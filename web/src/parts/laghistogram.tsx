// How the lags of one hop are distributed since the server's start.

import { createEffect, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import * as format from "../core/format";
import { brief, buckets, HOPS, type Bucket, type Distribution } from "../core/lags";
import { isFrozen } from "../core/loop";
import { get, poll } from "../core/rest";
import { Empty, Panel } from "./panel";

const EVERY_MS = 5_000;

export function LagHistogram(props: { feeds: readonly string[] }): JSX.Element {
  const [hop, setHop] = createSignal("network");
  const [feed, setFeed] = createSignal("");
  const [found, setFound] = createSignal<Bucket[] | null>(null);
  const [trouble, setTrouble] = createSignal("");
  createEffect(on([hop, feed], ([which, of]) => {
    setFound(null);
    onCleanup(poll(EVERY_MS, (signal) => get<Distribution>("lag/histogram", { hop: which, ...(of ? { feed: of } : {}) }, signal),
      (said) => { setTrouble(""); if (!isFrozen()) setFound(buckets(said)); }, (error) => setTrouble(error.message)));
  }));
  const total = (): number => (found() ?? []).reduce((sum, bucket) => sum + bucket.count, 0);
  return (
    <Panel class="histogram" title={<><b>Distribution</b><span class="quiet">% of {format.shortNumber(total())} events, ms</span></>} aside={
      <>
        <select class="find small" aria-label="Of which feed" onChange={(event) => setFeed(event.currentTarget.value)}>
          <option value="">all feeds</option>
          <For each={props.feeds}>{(each) => <option value={each}>{each}</option>}</For>
        </select>
        <span class="choices" role="group" aria-label="Stage"><For each={HOPS}>{([each, name]) => <button aria-pressed={hop() === each} title={name} onClick={() => setHop(each)}>{each}</button>}</For></span>
      </>
    }>
      <Show when={trouble()}><Empty title="The distribution cannot be had">{trouble()}</Empty></Show>
      <Show when={!trouble() && found()?.length === 0}><Empty title="Nothing was measured yet">Of this stage, and of this feed, no lag was counted since start.</Empty></Show>
      <Show when={!trouble() && found()?.length}><Bars buckets={found()!} /></Show>
    </Panel>
  );
}

function Bars(props: { buckets: readonly Bucket[] }): JSX.Element {
  const most = (): number => Math.max(...props.buckets.map((bucket) => bucket.share));
  const share = (bucket: Bucket): string => (bucket.share === 0 ? "0 %" : bucket.share < 0.001 ? "< 0.1 %" : `${(100 * bucket.share).toFixed(1)} %`);
  return (
    <div class="bars many" role="img" aria-label={props.buckets.map((bucket) => `${bucket.label} ms: ${share(bucket)}`).join(", ")}>
      <For each={props.buckets}>{(bucket) => (
        <div title={`${bucket.label} ms: ${format.count(bucket.count)} events`}><b>{bucket.count ? share(bucket).replace(/ /g, "").replace("%", "") : ""}</b><i style={{ "--share": bucket.share / most() }} /><small>{brief(bucket.label, props.buckets.length)}</small></div>
      )}</For>
    </div>
  );
}
