/** [data-drop]: files dropped or chosen, listed with their sizes; each can be taken out again before the form is sent. */

import { t } from "../strings";
import { closest, each, icon, make } from "./dom";

const READABLE = /\.(md|txt|csv)$/i;

export function startDrops(): void {
  each<HTMLElement>("[data-drop]", (zone) => {
    const input = zone.querySelector<HTMLInputElement>("input[type=file]");
    if (input && zone.dataset.ready === undefined) prepare(zone, input);
  });
  // A file dropped beside the zone would replace the page, and what was typed in it.
  for (const kind of ["dragover", "drop"]) {
    addEventListener(kind, (event) => {
      if (!closest(event, "[data-drop]") && (event as DragEvent).dataTransfer?.types.includes("Files")) event.preventDefault();
    });
  }
}

function prepare(zone: HTMLElement, input: HTMLInputElement): void {
  zone.dataset.ready = "";
  const list = make("ul", "rows files");
  list.hidden = true;
  zone.after(list);
  let files: File[] = [];
  const set = (next: File[]): void => {
    files = next;
    const carrier = new DataTransfer();
    files.forEach((file) => carrier.items.add(file));
    input.files = carrier.files;
    list.hidden = files.length === 0;
    list.replaceChildren(...files.map((file) => row(file, () => set(files.filter((one) => one !== file)))));
  };
  const add = (more: Iterable<File>): void => {
    const names = new Set([...more].map((file) => file.name));
    set([...files.filter((file) => !names.has(file.name)), ...more]);
  };
  input.addEventListener("change", () => add([...(input.files ?? [])]));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("is-over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("is-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    add([...(event.dataTransfer?.files ?? [])]);
  });
}

function row(file: File, remove: () => void): HTMLElement {
  const item = make("li");
  const kind = make("span", READABLE.test(file.name) ? "kind" : "kind is-bad", file.name.split(".").pop()?.slice(0, 4).toUpperCase());
  const words = make("span", "grow");
  words.append(make("b", "truncate", file.name), make("small", "", READABLE.test(file.name) ? size(file.size) : t("drop.kind")));
  const button = make("button", "btn btn-icon btn-sm") as HTMLButtonElement;
  button.type = "button";
  button.setAttribute("aria-label", t("drop.remove", { name: file.name }));
  button.append(icon("x"));
  button.addEventListener("click", remove);
  item.append(kind, words, button);
  return item;
}

/** Return a size for people: 812 bytes, 34 kB, 1.2 MB. */
export function size(bytes: number): string {
  if (bytes < 1000) return t("size.bytes", { n: bytes });
  const isMega = bytes >= 1_000_000;
  const amount = bytes / (isMega ? 1_000_000 : 1000);
  return `${amount.toLocaleString(document.documentElement.lang || "en", { maximumFractionDigits: isMega ? 1 : 0 })} ${isMega ? "MB" : "kB"}`;
}
