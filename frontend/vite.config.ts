import { defineConfig } from "vitest/config";

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
  // The schema and the licences of the bundle lie beside this folder.
  server: { fs: { allow: [".."] } },
  test: {
    include: ["tests/**/*.test.ts"],
    testTimeout: 30_000, // a busy machine is no failure
    hookTimeout: 30_000,
    environment: "jsdom",
    // Through Vite, so that the alias holds in tests too and there is one copy of each.
    server: { deps: { inline: [/@tiptap/, /y-prosemirror/, /y-protocols/, /^yjs/, /lib0/] } },
  },
});
