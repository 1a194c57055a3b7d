/** What the page says about saving: the pill beside the title, and the banner. */

import { t } from "../strings";
import { el, icon } from "./dom";
import type { Ending } from "./listeners";
import type { Provider } from "./provider";
import type { ReadingCopy } from "./reading";

const PATIENCE_MS = 350;
const BANNER_MS = 1500;

export type Mood = "opening" | "saved" | "saving" | "offline" | "signed_out" | "reading" | "copy" | Ending;

const LOOKS: Partial<Record<Mood, { icon: string; tone: string }>> = {
  saved: { icon: "check", tone: "" },
  saving: { icon: "loader", tone: "is-turning" },
  offline: { icon: "wifi-off", tone: "pill-warn" },
  signed_out: { icon: "wifi-off", tone: "pill-warn" },
  reading: { icon: "eye", tone: "" },
  copy: { icon: "eye", tone: "" },
};

/** Return what the pill has to say: it trusts acknowledgements alone. */
export function moodOf(provider: Provider, isCopyShown = false): Mood {
  if (provider.ending) return provider.ending;
  if (provider.status === "signed_out") return "signed_out";
  if (!provider.isSynced && isCopyShown) return "copy";
  if (provider.status === "offline") return "offline";
  if (!provider.isSynced || provider.status === "connecting") return "opening";
  if (!provider.isSaved) return "saving";
  return provider.mayWrite ? "saved" : "reading";
}

interface Actions {
  reconnect: () => void;
  signIn: () => void;
}

interface Telling {
  head: string;
  rest: (HTMLElement | string)[];
  icon: string;
  button?: "reconnect" | "signIn";
  /** Over the page's foot, where it moves no words. */
  isFloating?: boolean;
}

export class StateView {
  private readonly pill = document.getElementById("save-state");
  private readonly banner = document.getElementById("offline-banner");
  private readonly text = document.getElementById("offline-text");
  private readonly buttons = {
    reconnect: document.getElementById("reconnect"),
    signIn: document.getElementById("sign-in-open"),
  };
  private shown = "";
  private told = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private bannerTimer: ReturnType<typeof setTimeout> | undefined;

  /** What the banner's buttons do. */
  constructor(actions: Actions) {
    for (const name of ["reconnect", "signIn"] as const) this.buttons[name]?.addEventListener("click", actions[name]);
  }

  show(provider: Provider, copy: ReadingCopy): void {
    const mood = moodOf(provider, copy.isShown);
    clearTimeout(this.timer);
    if (this.pill) this.pill.dataset["state"] = mood;
    // An acknowledgement takes some milliseconds: the pill speaks of saving only when it takes longer.
    if (mood === "saving" && this.shown.startsWith("saved")) {
      this.timer = setTimeout(() => this.say(provider, copy, mood), PATIENCE_MS);
    } else this.say(provider, copy, mood);
  }

  private say(provider: Provider, copy: ReadingCopy, mood: Mood): void {
    const n = provider.outbox.edits;
    const sentences: Partial<Record<Mood, string>> = {
      opening: t("editor.opening"),
      saved: t("editor.saved"),
      saving: t("editor.saving"),
      offline: offlinePill(n),
      signed_out: offlinePill(n),
      reading: t("editor.reading"),
      copy: t("editor.reading"),
    };
    const sentence = sentences[mood] ?? "";
    this.banners(provider, copy, mood);
    if (this.shown === `${mood}:${sentence}` || !this.pill) return;
    this.shown = `${mood}:${sentence}`;
    const look = LOOKS[mood];
    this.pill.className = `pill pill-saved ${look?.tone ?? ""}`;
    this.pill.hidden = !sentence;
    this.pill.replaceChildren(...(look ? [icon(look.icon, "xs")] : []), sentence);
  }

  private banners(provider: Provider, copy: ReadingCopy, mood: Mood): void {
    const isAway = mood === "offline" || mood === "signed_out" || mood === "copy";
    document.body.dataset["connection"] = provider.ending ? "ended" : isAway ? "offline" : "live";
    if (mood !== "offline") {
      clearTimeout(this.bannerTimer);
      this.bannerTimer = undefined;
    }
    if (provider.ending) return this.tell(ended(provider.ending, provider));
    if (mood === "signed_out") return this.tell(signedOut(provider));
    if (mood === "copy") return this.tell(reading(copy));
    if (mood !== "offline") return this.tell(null);
    const tell = (): void => this.tell(offline(provider));
    if (this.banner && !this.banner.hidden) tell();
    else this.bannerTimer ??= setTimeout(tell, BANNER_MS); // a restart of the server is no news
  }

  private tell(telling: Telling | null): void {
    const { banner, text, buttons } = this;
    if (!banner || !text) return;
    banner.hidden = telling === null;
    if (telling === null) {
      this.told = "";
      return;
    }
    const content = [el("b", {}, telling.head), " ", ...telling.rest];
    const words = `${telling.icon}${content.map((part) => (typeof part === "string" ? part : part.outerHTML)).join("")}`;
    banner.classList.toggle("is-floating", telling.isFloating === true);
    for (const [name, button] of Object.entries(buttons)) if (button) button.hidden = name !== telling.button;
    if (words === this.told) return; // said once is enough for who listens to it
    this.told = words;
    text.replaceChildren(...content);
    banner.querySelector(":scope > svg")?.replaceWith(icon(telling.icon, "sm"));
  }
}

function offline(provider: Provider): Telling {
  const head = navigator.onLine ? t("editor.no_server") : t("editor.no_network");
  return { head, rest: [offlineText(provider, provider.outbox.edits)], icon: "wifi-off", button: "reconnect" };
}

function signedOut(provider: Provider): Telling {
  return { head: t("editor.signed_out"), rest: [signedOutText(provider, provider.outbox.edits)], icon: "log-out", button: "signIn" };
}

function reading(copy: ReadingCopy): Telling {
  const at = copy.at ?? new Date();
  const clock = at.toLocaleTimeString(document.documentElement.lang || undefined, { hour: "2-digit", minute: "2-digit" });
  // Each new minute is no news to who listens to the banner.
  const time = el("time", { datetime: at.toISOString().slice(0, 16), "aria-live": "off" }, clock);
  const waiting = copy.waiting ? [" ", copy.waiting === 1 ? t("editor.kept_one") : t("editor.kept_many", { n: copy.waiting })] : [];
  return {
    head: t("editor.copy_head"),
    rest: [time, ". ", t("editor.copy_text"), ...waiting],
    icon: "eye",
    button: "reconnect",
    isFloating: true,
  };
}

function ended(why: Ending, provider: Provider): Telling {
  const n = provider.outbox.edits;
  const kept = n ? [" ", n === 1 ? t("editor.kept_one") : t("editor.kept_many", { n })] : [];
  const reload = el("a", { class: "banner-link", href: location.pathname }, t("editor.reload"));
  const heads: Record<Ending, string> = {
    gone: t("editor.gone"),
    forbidden: t("editor.forbidden"),
    outdated: t("editor.outdated"),
    broken: t("editor.broken"),
    restored: t("editor.restored"),
    stranger: t("editor.stranger"),
  };
  const rest: (HTMLElement | string)[] = [...kept];
  if (why === "restored") rest.unshift(t("editor.restored_text"));
  if (why === "stranger") rest.unshift(t("editor.stranger_text"));
  if (why !== "gone" && why !== "forbidden") rest.push(" ", reload);
  return { head: heads[why], rest, icon: "triangle-alert" };
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

function signedOutText(provider: Provider, n: number): string {
  if (provider.outbox.isForgotten) {
    if (!n) return t("editor.forgotten");
    return n === 1 ? t("editor.forgotten_one") : t("editor.forgotten_many", { n });
  }
  if (!provider.mayWrite) return t("editor.away_reading");
  if (!provider.outbox.isStoring) return t("editor.wait_unsafe");
  if (!n) return t("editor.away_none");
  return n === 1 ? t("editor.away_one") : t("editor.away_many", { n });
}
