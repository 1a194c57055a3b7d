/** form[data-confirm] asks before it is sent, in a dialog of ours: the question is the attribute's text. */

import { t } from "../strings";
import { make } from "./dom";
import { openDialog } from "./dialogs";

const agreed = new WeakSet<HTMLFormElement>();

/** Ask a question; resolves to whether the person agreed. */
export function ask(question: string, yes: string): Promise<boolean> {
  const dialog = document.createElement("dialog");
  dialog.className = "modal";
  dialog.setAttribute("role", "alertdialog");
  const body = make("div", "modal-body");
  const title = make("h2", "", question);
  title.id = "confirm-question";
  dialog.setAttribute("aria-labelledby", title.id);
  const foot = make("footer", "form-actions");
  const no = make("button", "btn", t("dialog.cancel")) as HTMLButtonElement;
  const go = make("button", "btn btn-bad", yes) as HTMLButtonElement;
  no.type = go.type = "button";
  foot.append(no, go);
  body.append(title, foot);
  dialog.append(body);
  document.body.append(dialog);
  openDialog(dialog);
  no.focus();
  return new Promise((resolve) => {
    let answer = false;
    no.addEventListener("click", () => dialog.close());
    go.addEventListener("click", () => {
      answer = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
  });
}

export function startConfirm(): void {
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.dataset.confirm || agreed.delete(form)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const submitter = event.submitter;
      const yes = submitter?.textContent?.trim() || t("dialog.confirm");
      void ask(form.dataset.confirm, yes).then((isAgreed) => {
        submitter?.focus();
        if (!isAgreed) return;
        agreed.add(form);
        form.requestSubmit(submitter);
      });
    },
    true,
  );
}
