/** Names of documents and projects that others change, and the sidebar's tree when something comes or goes. */

import htmx from "htmx.org";

import { config } from "../ui/dom";
import type { Frame } from "./socket";

const TREE_MS = 800;
const TREE = new Set([
  "document.created",
  "document.moved",
  "document.archived",
  "document.restored",
  "project.created",
  "project.renamed",
  "project.archived",
  "project.restored",
]);

export function startTitles(): { moved(frame: Frame): void } {
  let timer = 0;
  const tree = (): void => {
    if (document.querySelector(".app .nav-scroll") && !document.querySelector(".behind")) {
      void htmx.ajax("GET", location.pathname, { target: ".nav-scroll", select: ".nav-scroll", swap: "outerHTML" });
    }
  };
  return {
    moved(frame) {
      if (frame.type === "document.renamed") rename(String(frame.data.document), String(frame.data.title ?? ""));
      if (!TREE.has(frame.type)) return;
      clearTimeout(timer);
      timer = window.setTimeout(tree, TREE_MS);
    },
  };
}

function rename(id: string, title: string): void {
  if (!title) return;
  document.querySelectorAll(`a.nav-item[href$="/documents/${CSS.escape(id)}/"] .truncate`).forEach((name) => {
    name.textContent = title;
  });
  if (config<{ document?: string }>("editor-config")?.document !== id) return;
  document.title = document.title.replace(document.querySelector("h1[data-document-title]")?.textContent ?? "", title);
  document.querySelectorAll("[data-document-title]").forEach((name) => {
    name.textContent = title;
  });
}
