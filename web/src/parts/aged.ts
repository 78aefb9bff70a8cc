// Whether what is shown of the chosen instrument is old: its panels are grey then, as its row is (`.aged` in shell.css).

import { createMemo } from "solid-js";
import { feedStates } from "../core/feeds";
import { named } from "../core/protocol";
import { useTerminal } from "../core/terminal";

/** The feed's word where it is not live, else null. It follows the status, which comes once a second. */
export function createAged(): () => string | null {
  const terminal = useTerminal();
  return createMemo(() => {
    const id = terminal.selected(), state = id ? feedStates(terminal.status())(named(id)[1]) : "live";
    return state === "live" ? null : state;
  });
}
