"""The terminal's views inside a page: its own code, with its own socket, so that no tick passes through Streamlit."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import streamlit as st

ENTRY: Final = "/live/embed.js"
# Streamlit calls the default export again on every change of data and does not call the cleanup before: one instance
# an element, or each change would open another socket.
_CODE: Final = """
const mounted = new WeakMap();
export default function ({ data, parentElement }) {
  const place = parentElement.querySelector(".terminal");
  const known = mounted.get(parentElement);
  if (known) { known.then(view => view.update?.({ view: data.view, symbols: data.symbols })); return known.end; }
  const coming = import(new URL(data.src, location.origin)).then(async terminal => {
    const view = (await terminal.mount(place, { view: data.view, symbols: data.symbols })) ?? {};
    return { update: view.update, unmount: () => terminal.unmount(place) };
  });
  coming.catch(() => { place.textContent = "The terminal could not be loaded; it is at /live/."; });
  coming.end = () => { mounted.delete(parentElement); coming.then(view => view.unmount()).catch(() => {}); };
  mounted.set(parentElement, coming);
  return coming.end;
}
"""
_HTML: Final = '<div class="terminal"></div>'
_STYLE: Final = ".terminal { height: calc(100vh - 13rem); min-height: 30rem; }"


def is_built() -> bool:
    """Return whether this package has the terminal's entry for pages."""
    return files("breadboard").joinpath("_ui", "embed.js").is_file()


def terminal(view: str, symbols: Sequence[str]) -> None:
    """Show a view of the terminal for these symbols; where it was not built, say where prices are."""
    if not is_built():
        st.info("The live monitor is a page of its own here: open the [terminal](/live/#/monitor).")
        return
    show = st.components.v2.component("breadboard.terminal", html=_HTML, css=_STYLE, js=_CODE, isolate_styles=False)
    show(key=view, data={"src": ENTRY, "view": view, "symbols": list(symbols)})
