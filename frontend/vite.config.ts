import { defineConfig } from "vite";

// One alias: @tiptap/y-tiptap rebuilds its whole mapping on every remote update, y-prosemirror is 2-7 times faster.
export default defineConfig({
  base: "/static/dist/",
  publicDir: false,
  resolve: { alias: { "@tiptap/y-tiptap": "y-prosemirror" } },
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    license: { fileName: "LICENSES.md" },
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: "es2022",
    rollupOptions: { input: ["src/early.ts", "src/app.ts", "src/run.ts", "src/editor.ts"] },
  },
});
