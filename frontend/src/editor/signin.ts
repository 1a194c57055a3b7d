/** A session that ended while somebody types: they sign in again in this page, and no word goes under another name. */

import { t } from "../strings";
import { busy } from "../ui/forms";
import { unsay } from "../ui/toast";

export type Who = "same" | "other" | "nobody" | "unknown";

interface Session {
  user: string | null;
  token: string;
}

/** What allauth answers to a script. */
interface Answer {
  form?: { errors: string[]; fields: Record<string, { errors: string[] }> };
}

interface Listener {
  /** The same person is signed in (again). */
  back(): void;
  /** Somebody else is signed in in this browser. */
  stranger(): void;
}

export class SignIn {
  private readonly dialog = document.getElementById("sign-in-again") as HTMLDialogElement | null;
  private readonly wrong = document.getElementById("sign-in-wrong");
  private readonly password = document.getElementById("sign-in-password") as HTMLInputElement | null;

  constructor(
    private readonly user: string,
    private readonly listener: Listener,
  ) {
    this.dialog?.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit(event.target as HTMLFormElement);
    });
    this.dialog?.addEventListener("close", () => this.reset());
  }

  /** Look who is signed in now, and tell: it may have happened in another tab. */
  async look(): Promise<Who> {
    const session = await this.session();
    if (!session) return "unknown";
    if (session.user === null) return "nobody";
    if (session.user !== this.user) {
      this.dialog?.close();
      this.listener.stranger();
      return "other";
    }
    this.dialog?.close();
    unsay("session");
    window.dispatchEvent(new Event("signed-in")); // what else on the page had given up
    this.listener.back();
    return "same";
  }

  /** Ask for the password, unless it is no longer needed. */
  open(): void {
    if (!this.dialog || this.dialog.open) return;
    this.dialog.showModal();
    this.password?.focus();
    void this.look();
  }

  private async submit(form: HTMLFormElement): Promise<void> {
    const button = form.querySelector<HTMLButtonElement>("button[type=submit]");
    if (button?.disabled) return;
    busy(button, true);
    this.say("");
    const wrong = await this.send(form);
    busy(button, false);
    if (wrong) this.say(wrong);
  }

  /** Return what is wrong, empty when nothing is. */
  private async send(form: HTMLFormElement): Promise<string> {
    const session = await this.session(); // its token: the page's own may be of an earlier session
    if (!session) return t("signin.no_answer");
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: new FormData(form),
        headers: { "X-CSRFToken": session.token, "X-Requested-With": "XMLHttpRequest", Accept: "application/json" },
      });
      if (answer.status === 429) return t("signin.too_often");
      if (answer.status === 400) return reason((await answer.json()) as Answer);
      if (!answer.ok) return t("signin.failed");
    } catch {
      return t("signin.no_answer");
    }
    const who = await this.look();
    if (who === "unknown") return t("signin.no_answer");
    return who === "nobody" ? t("signin.failed") : "";
  }

  private async session(): Promise<Session | null> {
    const url = this.dialog?.dataset["session"];
    if (!url) return null;
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (!answer.ok) return null;
      const session = (await answer.json()) as Session;
      renewTokens(session.token);
      return session;
    } catch {
      return null;
    }
  }

  private say(text: string): void {
    if (!this.wrong || !this.password) return;
    this.wrong.hidden = !text;
    this.wrong.querySelector("span")?.replaceChildren(text);
    this.password.toggleAttribute("aria-invalid", false);
    if (!text) return;
    this.password.setAttribute("aria-invalid", "true");
    this.password.select();
    this.password.focus();
  }

  private reset(): void {
    if (this.password) this.password.value = "";
    this.say("");
  }
}

function reason({ form }: Answer): string {
  const all = [...(form?.errors ?? []), ...Object.values(form?.fields ?? {}).flatMap(({ errors }) => errors)];
  return all[0] ?? t("signin.failed");
}

/** Every form of the page, and what htmx sends, carries the token of the session that is. */
function renewTokens(token: string): void {
  document.querySelector("meta[name=csrf-token]")?.setAttribute("content", token);
  for (const input of document.querySelectorAll<HTMLInputElement>("input[name=csrfmiddlewaretoken]")) input.value = token;
}
