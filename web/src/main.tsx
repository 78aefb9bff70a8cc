import { render } from "solid-js/web";
import { App } from "./app";
import { forgetPace, pace } from "./core/loop";
import { hearPage } from "./parts/lists";
import "./styles/index.css";

hearPage();
render(() => <App />, document.getElementById("app")!);

// What the bottom bar shows, for benchmarks; with `true` it is measured anew from here.
Object.assign(window, { breadboard: { pace: (anew = false) => { const now = pace(); if (anew) forgetPace(); return now; } } });
