import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** An oversight that answers the API while the page is worked on (`npm run dev`). */
const api = process.env["OVERSIGHT_URL"] ?? "http://127.0.0.1:9292";

export default defineConfig({
  base: "/ui/",
  plugins: [react()],
  build: {
    // the folder above is in the repository, so that cargo can watch it
    outDir: "dist/page",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    // a data: address would be one more thing that the policy has to allow
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  server: { proxy: { "/v1": api, "/health": api, "/metrics": api } },
  preview: { proxy: { "/v1": api, "/health": api, "/metrics": api } },
});
