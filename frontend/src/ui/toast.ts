/** Notes over the page: one for each subject, read out by screen readers, gone when they no longer matter. */

import { t } from "../strings";
import { icon, make } from "./dom";

interface Options {
  /** Seconds after which it goes by itself; 0: stays until it is closed or unsaid. */
  seconds?: number;
  icon?: string;
  action?: { label: string; run: () => void };
}

const shown = new Map<string, HTMLElement>();

function holder(): HTMLElement {
  const known = document.querySelector<HTMLElement>(".toasts");
  if (known) return known;
  const made = make("div", "toasts");
  made.setAttribute("role", "status");
  made.popover = "manual"; // the top layer: above open dialogs
  document.body.append(made);
  return made;
}

/** Show a note about `subject`, in place of an earlier one about it. */
export function say(subject: string, text: string, options: Options = {}): void {
  unsay(subject);
  const note = make("div", "toast");
  note.append(icon(options.icon ?? "info"), make("span", "grow", text));
  if (options.action) {
    const { label, run } = options.action;
    const button = make("button", "btn btn-line btn-sm", label) as HTMLButtonElement;
    button.type = "button";
    button.addEventListener("click", run);
    note.append(button);
  }
  const close = make("button", "btn btn-icon btn-sm") as HTMLButtonElement;
  close.type = "button";
  close.setAttribute("aria-label", t("dialog.close"));
  close.append(icon("x"));
  close.addEventListener("click", () => unsay(subject));
  note.append(close);
  const all = holder();
  all.append(note);
  shown.set(subject, note);
  if (all.matches(":popover-open")) all.hidePopover(); // shown anew, it is above a dialog that opened since
  all.showPopover();
  const seconds = options.seconds ?? 8;
  if (seconds) setTimeout(() => shown.get(subject) === note && unsay(subject), seconds * 1000);
}

export function unsay(subject: string): void {
  shown.get(subject)?.remove();
  shown.delete(subject);
  if (shown.size > 0) return;
  const all = document.querySelector<HTMLElement>(".toasts");
  if (all?.matches(":popover-open")) all.hidePopover();
}
