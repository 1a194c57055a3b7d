/** Forms: sent once, with a button that shows that it is working; [data-auto-submit] sends itself when changed. */

import { closest } from "./dom";

const sent = new Set<HTMLFormElement>();

/** Mark a button as working, or take the mark away. Width and place stay. */
export function busy(button: HTMLElement | null | undefined, isBusy: boolean): void {
  if (!(button instanceof HTMLButtonElement)) return;
  button.classList.toggle("is-busy", isBusy);
  button.disabled = isBusy;
  button.toggleAttribute("aria-busy", isBusy);
}

function buttonOf(form: HTMLFormElement, submitter: HTMLElement | null): HTMLElement | null {
  return submitter ?? form.querySelector<HTMLElement>("button[type=submit], button:not([type])");
}

export function startForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || event.defaultPrevented || form.method === "dialog") return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    const button = buttonOf(form, event.submitter);
    setTimeout(() => busy(button, true)); // after the browser has read the form: a disabled button has no value
  });
  document.addEventListener("change", (event) => {
    closest<HTMLFormElement>(event, "form[data-auto-submit]")?.requestSubmit();
  });
  // What is shown once is gone when the page is loaded again, instead of being made a second time.
  if (document.querySelector("[data-once]")) history.replaceState(history.state, "", location.href);
  // A page that comes back from the browser's cache is as it was left: at work.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    sent.clear();
    document.querySelectorAll<HTMLElement>(".is-busy").forEach((button) => busy(button, false));
  });
}

/** Say that a form which did not leave the page may be sent again. */
export function release(form: HTMLFormElement): void {
  sent.delete(form);
  busy(buttonOf(form, null), false);
}
