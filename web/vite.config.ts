import { defineConfig } from "vitest/config";
import solid from "vite-plugin-solid";

export default defineConfig({
  base: "/live/",
  plugins: [solid()],
  build: {
    outDir: "../src/breadboard/_ui",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  test: { environment: "node" },
  // `npm run dev` beside a running `breadboard up`, whose [api] lists http://127.0.0.1:5173 among its origins.
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/ws": { target: "ws://127.0.0.1:8080", ws: true } } },
});
