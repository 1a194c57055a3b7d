/** [data-dialog=id] opens a <dialog>, [data-close] closes the one around it, [data-open] is open when the page loads. */

import { closest, each } from "./dom";

export function openDialog(dialog: HTMLDialogElement): void {
  if (dialog.open) return;
  dialog.showModal();
  const wrong = dialog.querySelector<HTMLElement>("[aria-invalid=true]");
  const first = dialog.querySelector<HTMLElement>("input:not([type=hidden]):not(.sr-only), select, textarea");
  (wrong ?? first)?.focus();
  if (first instanceof HTMLInputElement && first.type === "text") first.select();
}

export function startDialogs(): void {
  document.addEventListener("click", (event) => {
    const opener = closest(event, "[data-dialog]");
    if (opener) {
      opener.closest<HTMLElement>("[popover]")?.hidePopover();
      const dialog = document.getElementById(opener.dataset.dialog ?? "");
      if (dialog instanceof HTMLDialogElement) openDialog(dialog);
    }
    if (closest(event, "[data-close]")) closest(event, "dialog")?.dispatchEvent(new Event("cancel", { cancelable: true }));
  });
  document.addEventListener(
    "cancel",
    (event) => {
      if (event.target instanceof HTMLDialogElement && !event.defaultPrevented) event.target.close();
    },
    true,
  );
  // A press on the backdrop has the dialog itself as its target; a text selection that ends there began elsewhere.
  document.addEventListener("pointerdown", (event) => {
    const dialog = event.target;
    if (!(dialog instanceof HTMLDialogElement) || !dialog.open) return;
    const box = dialog.getBoundingClientRect();
    const isInside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!isInside) dialog.close();
  });
  each<HTMLDialogElement>("dialog[data-open]", (dialog) => {
    dialog.removeAttribute("data-open");
    openDialog(dialog);
  });
}
