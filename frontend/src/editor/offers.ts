/** Words that are not in the document, offered to their author: to copy, or to throw away. */

import { t } from "../strings";
import { el, icon } from "./dom";
import type { Kept } from "./outbox";

interface Offer {
  words: HTMLElement;
  kept: Kept[];
}

/** One box for each reason: a full document may refuse many times. */
const open = new Map<string, Offer>();

/** Offer words with the reason why they are not in the document; `drop` is called for each when they are thrown away. */
export function offerWords(kept: Kept, why: string, drop: (kept: Kept) => void): void {
  const known = open.get(why);
  if (known?.kept.some(({ key }) => key !== null && key === kept.key)) return;
  if (known && kept.text) {
    known.kept.push(kept);
    known.words.textContent = known.kept.map(({ text }) => text).filter(Boolean).join("\n");
    known.words.hidden = false;
    return;
  }
  if (known) return;
  const offer: Offer = { words: el("pre", { class: "refused-words", tabindex: "0", hidden: !kept.text }, kept.text), kept: [kept] };
  open.set(why, offer);
  draw(offer, why, () => {
    open.delete(why);
    offer.kept.forEach(drop);
  });
}

function draw(offer: Offer, why: string, done: () => void): void {
  const { words } = offer;
  const hasWords = !words.hidden;
  const copy = el("button", { class: "btn btn-sm btn-line", type: "button" }, icon("copy", "sm"), t("editor.copy"));
  const close = el("button", { class: "btn btn-sm", type: "button" }, hasWords ? t("editor.discard") : t("editor.dismiss"));
  const said = el("span", { role: "status" });
  const head = el("p", {}, el("b", {}, t("editor.refused")), " ", why || t("editor.refused_why"));
  const actions = el("div", { class: "refused-actions" }, ...(hasWords ? [copy] : []), close, said);
  const box = el("section", { class: "refused", "aria-label": t("editor.refused") }, icon("triangle-alert", "sm"), el("div", { class: "grow" }, head, words, actions)); // prettier-ignore
  copy.addEventListener("click", () => {
    void copied(words).then((isDone) => {
      said.textContent = isDone ? t("copy.done") : t("copy.failed");
    });
  });
  close.addEventListener("click", () => {
    box.remove();
    done();
  });
  box.setAttribute("role", "alert");
  document.getElementById("document")?.before(box);
}

async function copied(words: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(words.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(words); // no clipboard without TLS: one key is left to press
    return false;
  }
}
