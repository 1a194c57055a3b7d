/**
 * The latest text to read while the document's socket does not come: a proxy that lets no websocket pass must not leave
 * an empty page. It is fetched by HTTP, shown when the editor takes too long, and gone when the editor is there.
 */

import { t } from "../strings";
import { el } from "./dom";
import { Timers } from "./timers";

/** Most documents are open by then, and the server is not asked for the text twice. */
const HEAD_START_MS = 250;
const PATIENCE_MS = 800;
const REFRESH_MS = 10_000;
const AGAIN_MS = 3_000;
/** As the editor's tables (extensions.ts). */
const CELL_PX = 72;

export class ReadingCopy {
  /** When the server said last that this is the text; null: it has not come yet. */
  at: Date | null = null;
  /** How many edits of this person wait on this device to be sent. */
  waiting = 0;
  isShown = false;
  private html: string | null = null;
  private etag = "";
  private isRunning = false;
  private isDue = false;
  private isFetching = false;
  private readonly timers = new Timers<"fetch" | "due">();

  /** `holder` is where the editor will stand; `changed` is called when there is something new to say. */
  constructor(
    private readonly holder: HTMLElement,
    private readonly changed: () => void,
    private readonly ask: typeof fetch = (...args) => fetch(...args),
  ) {}

  /** The document is being opened. */
  start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.timers.start("fetch", HEAD_START_MS, () => void this.fetch());
    this.timers.start("due", PATIENCE_MS, () => this.due());
  }

  /** The socket has failed: there is nothing to wait for. */
  hurry(): void {
    if (!this.isRunning || this.isDue) return;
    this.due();
    if (this.html === null) void this.fetch();
  }

  /** The page was away: what is shown may be old. */
  wake(): void {
    if (this.isRunning && this.isDue) void this.fetch();
  }

  /** The editor takes over the holder, or nothing may be shown any more. */
  stop(): void {
    this.isRunning = this.isDue = this.isShown = false;
    this.timers.stopAll();
  }

  /** Take away what is shown: it is no longer for this reader. */
  clear(): void {
    if (this.isShown) this.holder.replaceChildren();
    this.stop();
  }

  private due(): void {
    this.timers.stop("due");
    this.isDue = true;
    this.show();
  }

  private async fetch(): Promise<void> {
    const { reading } = this.holder.dataset;
    if (!reading || this.isFetching) return;
    this.timers.stop("fetch");
    this.isFetching = true;
    const isFresh = await this.get(reading);
    this.isFetching = false;
    if (!this.isRunning) return;
    this.timers.start("fetch", isFresh || this.html !== null ? REFRESH_MS : AGAIN_MS, () => {
      if (document.hidden) this.timers.start("fetch", REFRESH_MS, () => void this.fetch());
      else void this.fetch();
    });
    if (isFresh && this.isDue) this.show();
  }

  private async get(url: string): Promise<boolean> {
    try {
      const headers: Record<string, string> = { "HX-Request": "true", ...(this.etag ? { "If-None-Match": this.etag } : {}) };
      const answer = await this.ask(url, { headers, cache: "no-store" });
      if (answer.status === 200 && !answer.redirected) {
        this.html = await answer.text();
        this.etag = answer.headers.get("ETag") ?? "";
      } else if (answer.status !== 304) return false;
      this.at = new Date();
      return true;
    } catch {
      return false;
    }
  }

  private show(): void {
    if (!this.isRunning || this.html === null) return;
    const known = this.holder.querySelector<HTMLElement>(".is-copy");
    if (known?.dataset["etag"] !== this.etag || !this.etag) this.draw(this.html);
    this.isShown = true;
    this.changed();
  }

  private draw(html: string): void {
    const copy = el("div", { class: "prose is-copy", role: "region", "aria-label": t("editor.copy_label") });
    copy.dataset["etag"] = this.etag;
    copy.innerHTML = html; // our own server's, which escapes what people wrote
    dress(copy);
    const scroll = this.holder.closest<HTMLElement>(".scroll");
    const top = scroll?.scrollTop ?? 0;
    this.holder.replaceChildren(copy);
    if (scroll) scroll.scrollTop = top;
  }
}

/** Give plain HTML the shape of the editor's, so that nothing moves when the editor takes over. */
function dress(copy: HTMLElement): void {
  for (const table of copy.querySelectorAll("table")) {
    const frame = el("div", { class: "tableWrapper" });
    table.replaceWith(frame);
    frame.append(table);
    columns(table);
  }
  for (const item of copy.querySelectorAll("li")) task(item);
  for (const link of copy.querySelectorAll("a")) link.target = "_blank";
  for (const empty of copy.querySelectorAll(":is(p, h1, h2, h3):empty")) empty.append(el("br"));
}

/** The editor gives each column a least width, which makes them share the table evenly. */
function columns(table: HTMLTableElement): void {
  const count = [...(table.rows[0]?.cells ?? [])].reduce((sum, cell) => sum + cell.colSpan, 0);
  const all = Array.from({ length: count }, () => el("col"));
  for (const column of all) column.style.minWidth = `${CELL_PX}px`;
  table.style.minWidth = `${CELL_PX * count}px`;
  table.prepend(el("colgroup", {}, ...all));
}

function task(item: HTMLLIElement): void {
  const sign = item.firstChild;
  const state = sign instanceof Text ? sign.data.trim() : "";
  if (!(sign instanceof Text) || (state !== "☑" && state !== "☐")) return;
  sign.remove();
  const isDone = state === "☑";
  const words = el("div", {}, ...item.childNodes);
  const label = t("editor.task", { text: words.textContent ?? "" });
  const box = el("input", { type: "checkbox", disabled: true, checked: isDone, "aria-label": label });
  item.append(el("label", {}, box), words);
  item.dataset["checked"] = String(isDone);
  item.parentElement?.setAttribute("data-type", "taskList");
}
