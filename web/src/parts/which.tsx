import { For, Show, type JSX } from "solid-js";
import type { Question } from "../core/address";
import type { Page } from "../core/route";
import { Empty, Panel } from "./panel";

/** In a screen's place where its address names no one instrument: those that it may mean. */
export function Which(props: { question: Question; page: Page }): JSX.Element {
  return (
    <main>
      <Panel class="facts which" title={<b>{props.question.word}</b>}>
        <Show when={props.question.ids.length} fallback={<Empty title={`Looking for ${props.question.word}…`} />}>
          <p class="note">{props.question.ids.length} instruments have this name. Which one is meant?</p>
          <p class="links"><For each={props.question.ids}>{(id) => <a href={`#/${props.page}/${encodeURIComponent(id)}`}>{id}</a>}</For></p>
        </Show>
      </Panel>
    </main>
  );
}
