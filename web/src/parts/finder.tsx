import { createMemo, createSignal, For, onCleanup, type JSX } from "solid-js";
import { bind } from "../core/keys";
import { useTerminal } from "../core/terminal";

export type FinderProps = {
  label: string;
  /** The key that leads here, named in the empty box. */
  cap: string;
  word: string;
  /** The id of the list, in the document. */
  list: string;
  class?: string;
  onChoose: (id: string) => void;
};

/** Type to find an instrument: Enter takes the first, arrows choose another. */
export function Finder(props: FinderProps): JSX.Element {
  const terminal = useTerminal();
  const [text, setText] = createSignal("");
  const [open, setOpen] = createSignal(false);
  const [mark, setMark] = createSignal(0);
  let input!: HTMLInputElement;
  const found = createMemo(() => (open() ? search(terminal.market.ids, text()) : []));
  onCleanup(bind({ [props.cap]: () => { input.focus(); input.select(); } }));

  const choose = (id: string | undefined): void => {
    if (!id) return;
    props.onChoose(id);
    setText("");
    setOpen(false);
    input.blur();
  };
  const key = (event: KeyboardEvent): void => {
    const many = found().length;
    if (event.key === "Escape") setText(""), setOpen(false), input.blur();
    else if (event.key === "Enter") choose(found()[mark()]);
    else if (event.key === "ArrowDown" && many) setMark((mark() + 1) % many), event.preventDefault();
    else if (event.key === "ArrowUp" && many) setMark((mark() + many - 1) % many), event.preventDefault();
  };
  return (
    <div class="symbolbox">
      <input ref={input} class={`find ${props.class ?? ""}`} type="text" role="combobox" aria-label={props.label} aria-expanded={open() && found().length > 0} aria-controls={props.list} aria-autocomplete="list"
        aria-activedescendant={open() && found().length ? `${props.list}-${mark()}` : undefined} placeholder={`${props.word}   ${props.cap}`} autocomplete="off" spellcheck={false} value={text()}
        onInput={(event) => { setText(event.currentTarget.value); setMark(0); setOpen(true); }}
        onFocus={() => setOpen(text() !== "")} onBlur={() => setTimeout(() => setOpen(false), 150)} onKeyDown={key} />
      <ul id={props.list} role="listbox" aria-label="Instruments" hidden={!open() || !found().length}>
        <For each={found()}>{(id, place) => (
          <li id={`${props.list}-${place()}`} role="option" aria-selected={place() === mark()} onPointerDown={() => choose(id)}>
            <b>{id.slice(0, id.lastIndexOf("."))}</b><span>{id.slice(id.lastIndexOf(".") + 1).replace("_", " ")}</span>
          </li>
        )}</For>
      </ul>
    </div>
  );
}

/** At most eight ids: those that are it, then those that begin with it, then those that have it somewhere. */
export function search(ids: readonly string[], text: string): string[] {
  const word = text.trim().toUpperCase();
  if (!word) return [];
  const rank = (id: string): number => {
    const name = id.toUpperCase(), symbol = name.slice(0, name.lastIndexOf("."));
    return name === word || symbol === word ? 0 : name.startsWith(word) ? 1 : name.includes(word) ? 2 : 3;
  };
  const ranked = ids.map((id) => [rank(id), id] as const).filter(([how]) => how < 3);
  return ranked.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1)).slice(0, 8).map(([, id]) => id);
}
