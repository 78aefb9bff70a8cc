// Measuring on a price chart, with the pointer and with the keyboard.

import { createEffect, createSignal, on, onCleanup } from "solid-js";
import type { Bar } from "../core/bars";
import { bind } from "../core/keys";
import { Measuring } from "../core/measure";
import type { PriceChart } from "./pricechart";

export type Measure = {
  /** Whether the pointer measures without Shift, too. */
  on: () => boolean;
  toggle: (byKey: boolean) => void;
  /** What was measured, once it is. */
  said: () => string;
};

export function createMeasure(chart: () => PriceChart | null, bars: () => readonly Bar[], renewed: () => unknown): Measure {
  const measuring = new Measuring();
  const [active, setActive] = createSignal(false);
  const [said, setSaid] = createSignal("");
  let back = 1;

  const draw = (): void => {
    const text = chart()?.measured(measuring.stretch) ?? "";
    if (!measuring.follows) setSaid(text);
    chart()?.moves(!active() && !measuring.follows);
  };
  const end = (): void => {
    measuring.clear();
    setActive(false);
    draw();
  };
  const step = (bars_: number): void => {
    back = Math.max(1, Math.min(bars().length - 1, back + bars_));
    measuring.along(bars(), back);
    draw();
  };

  createEffect(() => {
    const element = chart()?.element;
    if (!element) return;
    const at = (event: PointerEvent): [x: number, y: number] => { const box = element.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    const press = (event: PointerEvent): void => {
      if (event.button !== 0) return;
      if (!event.shiftKey && !active() && !measuring.follows) return measuring.stretch ? end() : undefined;
      const [x, y] = at(event), place = chart()?.placeAt(x, y);
      if (place) measuring.press(place, x, y), draw();
    };
    const move = (event: PointerEvent): void => {
      const place = measuring.follows && chart()?.placeAt(...at(event));
      if (place) measuring.move(place), draw();
    };
    const release = (event: PointerEvent): void => {
      if (measuring.follows) measuring.release(...at(event)), draw();
    };
    element.addEventListener("pointerdown", press, true);
    element.addEventListener("pointermove", move, true);
    element.addEventListener("pointerup", release, true);
    onCleanup(() => {
      element.removeEventListener("pointerdown", press, true);
      element.removeEventListener("pointermove", move, true);
      element.removeEventListener("pointerup", release, true);
    });
  });
  createEffect(on(renewed, end, { defer: true }));
  createEffect(() => active() && onCleanup(bind({
    ArrowLeft: (event) => step(event.shiftKey ? 10 : 1), ArrowRight: (event) => step(event.shiftKey ? -10 : -1), Escape: end,
  })));

  const toggle = (byKey: boolean): void => {
    if (active()) return end();
    setActive(true);
    back = 1;
    if (byKey) measuring.along(bars(), back);
    draw();
  };
  onCleanup(bind({ m: () => toggle(true), Escape: end }));
  return { on: active, toggle, said };
}
