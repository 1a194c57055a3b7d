/** htmx: token of the form, buttons at work, and answers that are not what the page asked for. */

import { t } from "../strings";
import { busy } from "./forms";
import { say, unsay } from "./toast";

interface Context {
  sourceElement: HTMLElement;
  target?: Element;
  select?: string;
  swap: string;
  text?: string;
  request: { action: string; method: string; headers: Record<string, string>; submitter?: HTMLElement | null };
  response?: { raw: Response; status: number };
}

function context(event: Event): Context | undefined {
  return (event as CustomEvent<{ ctx?: Context }>).detail?.ctx;
}

const button = (ctx: Context): HTMLElement | null =>
  ctx.request.method === "GET" ? null : (ctx.request.submitter ?? ctx.sourceElement.querySelector("button"));

export function signedOut(): void {
  if (!window.dispatchEvent(new Event("session-ended", { cancelable: true }))) return; // the editor offers it in place
  const back = `/accounts/login/?next=${encodeURIComponent(location.pathname + location.search)}`;
  const action = { label: t("net.sign_in"), run: () => location.assign(back) };
  say("session", t("net.signed_out"), { seconds: 0, icon: "log-out", action });
}

function failed(ctx: Context): void {
  const status = ctx.response?.status ?? 0;
  if (status === 401) {
    signedOut();
    return;
  }
  const answer = new DOMParser().parseFromString(ctx.text ?? "", "text/html");
  const text = answer.querySelector(".note-error span")?.textContent?.replace(/\s+/g, " ").trim();
  const reload = { label: t("net.reload"), run: () => location.reload() };
  const action = status === 400 ? undefined : reload; // what was typed is mended where it stands
  say("answer", text || t("net.failed"), { seconds: 12, icon: "triangle-alert", action });
}

/** Look at an answer before it is put into the page. */
function check(event: Event): void {
  const ctx = context(event);
  const raw = ctx?.response?.raw;
  if (!ctx || !raw) return;
  unsay("away");
  if (raw.ok && ctx.request.method !== "GET") unsay("answer");
  if (ctx.response && ctx.response.status >= 400) {
    ctx.swap = "none"; // htmx 4 puts errors into the page; a part that is still right is worth more
    failed(ctx);
  } else if (raw.redirected) {
    const landed = new URL(raw.url);
    if (landed.pathname.startsWith("/accounts/login")) {
      ctx.swap = "none";
      signedOut();
    } else if (landed.pathname !== location.pathname) {
      ctx.swap = "none"; // the thing lives elsewhere now: a plan that was started has become a document
      location.assign(landed);
    }
  }
}

export function startNet(): void {
  document.addEventListener("htmx:config:request", (event) => {
    const ctx = context(event);
    const token = document.querySelector<HTMLMetaElement>("meta[name=csrf-token]")?.content;
    if (ctx && token && ctx.request.method !== "GET") ctx.request.headers["X-CSRFToken"] = token;
  });
  document.addEventListener("htmx:before:request", (event) => {
    const ctx = context(event);
    if (ctx) busy(button(ctx), true);
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const ctx = context(event);
    if (ctx) busy(button(ctx), false);
  });
  document.addEventListener("htmx:after:request", check);
  document.addEventListener("htmx:error", (event) => {
    const ctx = context(event);
    // What the page asks by itself is asked again; a person's own click deserves a word.
    if (ctx && ctx.request.method !== "GET") say("away", t("net.away"), { seconds: 12, icon: "wifi-off" });
  });
  // An answer's HX-Trigger lands on the document when its form has meanwhile been replaced; listeners are on the body.
  for (const name of ["run-moved", "balance-moved"]) {
    document.addEventListener(name, (event) => {
      if (event.target === document) document.body.dispatchEvent(new CustomEvent(name));
    });
  }
}
