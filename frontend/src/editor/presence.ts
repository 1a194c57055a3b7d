/** Who is here: round people, rounded-square agents, each a button that leads to its caret. */

import type { Awareness } from "y-protocols/awareness";
import { t } from "../strings";
import type { Carets, Peer } from "./carets";
import { isAgent } from "./carets";
import { el, icon } from "./dom";

const MOST = 6;

interface Shown {
  clientId: number;
  user: Peer;
  isSelf: boolean;
}

/** Return the letters of an avatar, as the server makes them. */
export function initials(name: string): string {
  const words = name.replaceAll(".", " ").split(/\s+/).filter(Boolean);
  const letters = [words[0], ...(words.length > 1 ? [words.at(-1)] : [])].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toUpperCase() || "?";
}

/** Return one of each person (two windows are one person) and every agent; ourselves first, then people. */
export function everybody(awareness: Awareness, self: Peer): Shown[] {
  const people = new Map<string, Shown>([[self.id ?? "", { clientId: awareness.clientID, user: self, isSelf: true }]]);
  const agents: Shown[] = [];
  for (const [clientId, state] of awareness.getStates()) {
    const user = (state as { user?: Peer }).user;
    if (!user || clientId === awareness.clientID) continue;
    const shown = { clientId, user, isSelf: false };
    if (isAgent(user)) agents.push(shown);
    else if (!people.has(user.id ?? user.name)) people.set(user.id ?? user.name, shown);
  }
  return [...people.values(), ...agents];
}

export class Presence {
  private shown = "";

  constructor(
    private readonly holder: HTMLElement,
    private readonly awareness: Awareness,
    private readonly carets: Carets,
    private readonly self: Peer,
  ) {
    awareness.on("change", this.update);
    this.update();
  }

  destroy(): void {
    this.awareness.off("change", this.update);
    this.holder.replaceChildren();
  }

  private readonly update = (): void => {
    const all = everybody(this.awareness, this.self);
    const key = JSON.stringify(all.map(({ clientId, user }) => [clientId, user.name]));
    if (key === this.shown) return; // carets move often, people come and go seldom
    this.shown = key;
    const rest = all.length - MOST;
    this.holder.replaceChildren(...all.slice(0, MOST).map((one) => this.avatar(one)));
    if (rest > 0) {
      const names = all.slice(MOST).map(({ user }) => user.name);
      this.holder.append(el("span", { class: "avatar avatar-more", title: names.join(", ") }, `+${rest}`));
    }
  };

  private avatar({ clientId, user, isSelf }: Shown): HTMLElement {
    if (isSelf) {
      const label = t("editor.you", { name: user.name });
      const name = el("span", { class: "sr-only" }, label);
      return el("span", { class: "avatar", "data-tone": user.tone ?? 1, title: label }, initials(user.name), name);
    }
    const title = t("editor.go_to", { name: user.name });
    const look = isAgent(user)
      ? { class: "avatar avatar-agent", "data-hue": user.hue }
      : { class: "avatar", "data-tone": user.tone ?? 1 };
    const face = isAgent(user) ? icon(user.icon ?? "bot", "sm") : initials(user.name);
    const button = el("button", { type: "button", ...look, title, "aria-label": title }, face);
    button.addEventListener("click", () => this.carets.reveal(clientId));
    return button;
  }
}
