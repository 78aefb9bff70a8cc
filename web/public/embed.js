// The terminal inside another page of this server: a frame, so that styles and keys of one do not reach the other, and
// its sockets end with it.

const frames = new WeakMap();

/** Show a screen in `element`, of these symbols (`["*"]`: all). What is returned takes others later. */
export function mount(element, { view, symbols }) {
  unmount(element);
  const frame = document.createElement("iframe");
  let wanted = symbols;
  const tell = () => frame.contentWindow?.postMessage({ symbols: wanted }, location.origin);
  frame.src = new URL(`./#/${view}`, import.meta.url).href;
  frame.title = "The live terminal";
  frame.style.cssText = "display: block; width: 100%; height: 100%; border: 0; border-radius: 10px";
  frame.addEventListener("load", tell);
  element.append(frame);
  frames.set(element, frame);
  return { update: (next) => { wanted = next.symbols; tell(); } };
}

/** Take it away, with its sockets. */
export function unmount(element) {
  frames.get(element)?.remove();
  frames.delete(element);
}
