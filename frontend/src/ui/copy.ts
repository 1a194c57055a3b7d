/** [data-copy=selector] copies the text of an element and says so on the button. */

import { t } from "../strings";
import { closest } from "./dom";
import { say } from "./toast";

export function startCopy(): void {
  document.addEventListener("click", (event) => {
    const button = closest(event, "[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy ?? "");
    if (source) void copy(button, source);
  });
}

async function copy(button: HTMLElement, source: Element): Promise<void> {
  try {
    await navigator.clipboard.writeText(source.textContent?.trim() ?? "");
  } catch {
    // Without https the clipboard is closed to scripts: select, so that one key is enough.
    getSelection()?.selectAllChildren(source);
    say("copy", t("copy.failed"));
    return;
  }
  say("copy", t("copy.done"), { seconds: 2, icon: "check" });
  button.classList.add("is-done");
}
