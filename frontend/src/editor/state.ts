/** What the page says about saving: the pill beside the title, the banner, and words that were refused. */

import { t } from "../strings";
import { el, icon } from "./dom";
import type { Kept } from "./outbox";
import type { Ending, Provider } from "./provider";

const PATIENCE_MS = 350;
const BANNER_MS = 1500;

export type Mood = "opening" | "saved" | "saving" | "offline" | "reading" | Ending;

const LOOKS: Partial<Record<Mood, { icon: string; tone: string }>> = {
  saved: { icon: "check", tone: "" },
  saving: { icon: "loader", tone: "is-turning" },
  offline: { icon: "wifi-off", tone: "pill-warn" },
  reading: { icon: "eye", tone: "" },
};

/** Return what the pill has to say: it trusts acknowledgements alone. */
export function moodOf(provider: Provider): Mood {
  if (provider.ending) return provider.ending;
  if (provider.status === "offline") return "offline";
  if (!provider.isSynced || provider.status === "connecting") return "opening";
  if (!provider.isSaved) return "saving";
  return provider.mayWrite ? "saved" : "reading";
}

export class StateView {
  private readonly pill = document.getElementById("save-state");
  private readonly banner = document.getElementById("offline-banner");
  private readonly text = document.getElementById("offline-text");
  private readonly retry = document.getElementById("reconnect");
  private shown = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private bannerTimer: ReturnType<typeof setTimeout> | undefined;

  /** `reconnect` is what "Try now" does. */
  constructor(reconnect: () => void) {
    this.retry?.addEventListener("click", reconnect);
  }

  show(provider: Provider): void {
    const mood = moodOf(provider);
    clearTimeout(this.timer);
    if (this.pill) this.pill.dataset["state"] = mood;
    // An acknowledgement takes some milliseconds: the pill speaks of saving only when it takes longer.
    if (mood === "saving" && this.shown.startsWith("saved")) {
      this.timer = setTimeout(() => this.say(provider, mood), PATIENCE_MS);
    } else this.say(provider, mood);
  }

  private say(provider: Provider, mood: Mood): void {
    const n = provider.outbox.edits;
    const sentences: Partial<Record<Mood, string>> = {
      opening: t("editor.opening"),
      saved: t("editor.saved"),
      saving: t("editor.saving"),
      offline: offlinePill(n),
      reading: t("editor.reading"),
    };
    const sentence = sentences[mood] ?? "";
    this.banners(provider, mood, n);
    if (this.shown === `${mood}:${sentence}` || !this.pill) return;
    this.shown = `${mood}:${sentence}`;
    const look = LOOKS[mood];
    this.pill.className = `pill pill-saved ${look?.tone ?? ""}`;
    this.pill.hidden = !sentence;
    this.pill.replaceChildren(...(look ? [icon(look.icon, "xs")] : []), sentence);
  }

  private banners(provider: Provider, mood: Mood, n: number): void {
    if (provider.ending) return this.ended(provider.ending, n);
    document.body.dataset["connection"] = mood === "offline" ? "offline" : "live";
    if (mood !== "offline") {
      clearTimeout(this.bannerTimer);
      this.bannerTimer = undefined;
      if (this.banner) this.banner.hidden = true;
      return;
    }
    const tell = (): void => {
      const head = navigator.onLine ? t("editor.no_server") : t("editor.no_network");
      this.announce(head, [offlineText(provider, provider.outbox.edits)], true);
    };
    if (this.banner && !this.banner.hidden) tell();
    else this.bannerTimer ??= setTimeout(tell, BANNER_MS); // a restart of the server is no news
  }

  private ended(why: Ending, n: number): void {
    clearTimeout(this.bannerTimer);
    document.body.dataset["connection"] = "ended";
    const kept = n ? ` ${n === 1 ? t("editor.kept_one") : t("editor.kept_many", { n })}` : "";
    if (why === "signed_out") {
      const next = encodeURIComponent(location.pathname);
      const link = el("a", { class: "banner-link", href: `/accounts/login/?next=${next}` }, t("editor.sign_in"));
      this.announce(t("editor.signed_out"), [kept, " ", link], false);
    } else if (why === "outdated" || why === "broken") {
      const link = el("a", { class: "banner-link", href: location.pathname }, t("editor.reload"));
      this.announce(why === "outdated" ? t("editor.outdated") : t("editor.broken"), [kept, " ", link], false);
    } else this.announce(why === "gone" ? t("editor.gone") : t("editor.forbidden"), [kept], false);
  }

  private announce(head: string, rest: (Node | string)[], mayRetry: boolean): void {
    if (!this.banner || !this.text) return;
    this.text.replaceChildren(el("b", {}, head), " ", ...rest);
    if (this.retry) this.retry.hidden = !mayRetry;
    this.banner.hidden = false;
  }
}

function offlinePill(n: number): string {
  if (!n) return t("editor.offline");
  return n === 1 ? t("editor.offline_one") : t("editor.offline_many", { n });
}

function offlineText(provider: Provider, n: number): string {
  if (!provider.mayWrite) return t("editor.wait_reading");
  if (!provider.outbox.isStoring) return t("editor.wait_unsafe");
  if (!n) return t("editor.wait_none");
  return n === 1 ? t("editor.wait_one") : t("editor.wait_many", { n });
}

/** Offer words that the server refused: a person copies them or throws them away. */
export function offerWords(kept: Kept, why: string, done: () => void): void {
  const before = document.getElementById("document");
  const text = el("pre", { class: "refused-words", tabindex: "0" }, kept.text);
  const copy = el("button", { class: "btn btn-sm btn-line", type: "button" }, icon("copy", "sm"), t("editor.copy"));
  const close = el("button", { class: "btn btn-sm", type: "button" }, kept.text ? t("editor.discard") : t("editor.dismiss"));
  const said = el("span", { role: "status" });
  const head = el("p", {}, el("b", {}, t("editor.refused")), " ", why || t("editor.refused_why"));
  const box = el("section", { class: "refused", "aria-label": t("editor.refused") }, icon("triangle-alert", "sm"), el("div", { class: "grow" }, head, ...(kept.text ? [text] : []), el("div", { class: "refused-actions" }, ...(kept.text ? [copy] : []), close, said))); // prettier-ignore
  copy.addEventListener("click", () => {
    void copied(kept.text, text).then((isDone) => {
      said.textContent = isDone ? t("copy.done") : t("copy.failed");
    });
  });
  close.addEventListener("click", () => {
    box.remove();
    done();
  });
  box.setAttribute("role", "alert");
  before?.before(box);
}

async function copied(text: string, shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown); // no clipboard without TLS: one key is left to press
    return false;
  }
}
