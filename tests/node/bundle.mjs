// Bundle a script of this folder with the editor's own sources: node bundle.mjs SCRIPT OUTPUT
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [script, output] = process.argv.slice(2);
const frontend = fileURLToPath(new URL("../../frontend/", import.meta.url));
const { rolldown } = await import(createRequire(`${frontend}package.json`).resolve("rolldown"));
const bundle = await rolldown({
  input: script,
  cwd: frontend,
  platform: "node",
  external: ["jsdom"],
  // As vite.config.ts has it.
  resolve: { alias: { "@tiptap/y-tiptap": "y-prosemirror" }, modules: [`${frontend}node_modules`] },
  logLevel: "silent",
});
await bundle.write({ file: output, format: "esm", codeSplitting: false });
