import { Show, type JSX } from "solid-js";

export function Panel(props: { title: JSX.Element; aside?: JSX.Element; class?: string; children: JSX.Element; label?: string }): JSX.Element {
  return (
    <section class={`panel ${props.class ?? ""}`} aria-label={props.label}>
      <header class="title">
        <h2>{props.title}</h2>
        <Show when={props.aside}><span class="aside">{props.aside}</span></Show>
      </header>
      {props.children}
    </section>
  );
}

/** What a panel shows that has nothing to show, or cannot. */
export function Empty(props: { title: string; children?: JSX.Element }): JSX.Element {
  return (
    <div class="empty" role="note">
      <b>{props.title}</b>
      <Show when={props.children}><span>{props.children}</span></Show>
    </div>
  );
}

export function Tile(props: { name: string; value: JSX.Element; note?: JSX.Element; tone?: string }): JSX.Element {
  return (
    <div class="tile">
      <span class="name">{props.name}</span>
      <b class={props.tone ?? ""}>{props.value}</b>
      <span class="note">{props.note ?? "\u00a0"}</span>
    </div>
  );
}
