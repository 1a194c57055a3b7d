// A browser's window for the editor: has to be imported before anything of the editor is.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.FRONTEND}/package.json`);
const { JSDOM } = require("jsdom");
const { window } = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true, url: "http://localhost/" });

Object.defineProperty(window.Range.prototype, "getClientRects", { value: () => [] });
window.Range.prototype.getBoundingClientRect = () => new window.DOMRect();
window.HTMLElement.prototype.scrollIntoView = () => {};
window.document.elementFromPoint = () => null;
for (const name of [
  "window", "document", "navigator", "Node", "Element", "HTMLElement", "Document", "DocumentFragment", "Range", "MutationObserver", "DOMParser",
  "XMLSerializer", "Event", "CustomEvent", "KeyboardEvent", "InputEvent", "getSelection", "getComputedStyle", "requestAnimationFrame",
  "cancelAnimationFrame", "innerHeight", "innerWidth", "CSS", "Text", "HTMLInputElement", "location", "addEventListener", "removeEventListener",
]) {
  const value = name === "window" ? window : window[name];
  if (value === undefined) continue;
  const isBare = typeof value === "function" && /^[a-z]/.test(name);
  Object.defineProperty(globalThis, name, { value: isBare ? value.bind(window) : value, configurable: true, writable: true });
}
