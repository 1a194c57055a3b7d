/** One open document: its provider, its editor and everything around it. Rolling back means opening it anew. */

import { Editor } from "@tiptap/core";
import { ySyncPluginKey } from "y-prosemirror";
import { t } from "../strings";
import { BubbleMenu, LinkForm } from "./bubble";
import { Carets, CaretsExtension, type Peer } from "./carets";
import { extensions } from "./extensions";
import { readSelection } from "./local";
import { type Kept, type Locks, Outbox } from "./outbox";
import { Presence } from "./presence";
import { Provider } from "./provider";
import { VERSION } from "./schema";
import { SlashMenu } from "./slash";
import { offerWords, StateView } from "./state";
import { isBroken, mend, rootOf, unknownIn, unsavedWords } from "./structure";
import { Toolbar } from "./toolbar";

const COMPOSED_MS = 80;

export interface Config {
  document: string;
  socket: string;
  editable: boolean;
  user: Peer & { id: string };
}

function socketUrl(path: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}?schema=${VERSION}`;
}

async function probe(document: string): Promise<number | null> {
  try {
    return (await fetch(`/api/v1/documents/${document}/`, { headers: { Accept: "application/json" } })).status;
  } catch {
    return null;
  }
}

/** Words of ours that the server did not take, and why. */
interface Refusal {
  kept: Kept;
  why: string;
}

/** Parts that the editor's keys lead to, made after it. */
interface Around {
  link: LinkForm | null;
  toolbar: Toolbar | null;
}

export class Session {
  private provider: Provider | null = null;
  private editor: Editor | null = null;
  private readonly around: { destroy: () => void }[] = [];
  private readonly state = new StateView(() => this.provider?.reconnect());
  private isReopening = false;
  private rollbacks = 0;
  private hiddenAt = 0;

  constructor(
    private readonly config: Config,
    private readonly holder: HTMLElement,
  ) {
    window.addEventListener("online", () => this.provider?.reconnect());
    window.addEventListener("offline", () => this.provider?.verify());
    document.addEventListener("visibilitychange", this.seen);
    window.addEventListener("beforeunload", (event) => {
      if (this.provider && !this.provider.outbox.isSafe) event.preventDefault();
    });
  }

  /** Connect; the editor comes with the document's first complete state. */
  async open(refusal?: Refusal): Promise<void> {
    const locks = (navigator as { locks?: Locks }).locks;
    const outbox = await Outbox.open({ document: this.config.document, user: this.config.user.id, locks });
    const provider: Provider = new Provider({
      url: socketUrl(this.config.socket),
      outbox,
      binding: ySyncPluginKey,
      beforeRemote: () => this.editor && readSelection(this.editor.view),
      probe: () => probe(this.config.document),
      listeners: {
        changed: () => this.changed(),
        synced: () => void this.synced(refusal),
        refused: (why) => this.reopen(why),
        mismatch: () => this.reopen(""),
      },
    });
    this.provider = provider;
    provider.awareness.setLocalState({ user: this.config.user });
    provider.connect();
    this.changed();
  }

  private readonly seen = (): void => {
    if (document.hidden) this.hiddenAt = Date.now();
    else if (this.provider?.status === "offline") this.provider.reconnect();
    else if (Date.now() - this.hiddenAt > 20_000) this.provider?.verify();
  };

  private changed(): void {
    const { provider, editor } = this;
    if (!provider || this.isReopening) return;
    this.state.show(provider);
    const isEditable = provider.mayWrite;
    if (editor && editor.isEditable !== isEditable) {
      editor.setEditable(isEditable, false);
      this.toolbar(isEditable);
    }
  }

  private toolbar(isShown: boolean): void {
    const bar = document.getElementById("toolbar");
    if (bar) bar.hidden = !isShown;
  }

  private async synced(refusal?: Refusal): Promise<void> {
    const { provider } = this;
    if (!provider) return;
    if (unknownIn(provider.doc) !== null) return this.giveUp(provider);
    if (isBroken(provider.doc)) provider.repair(() => mend(provider.doc));
    this.show(provider);
    const earlier = await provider.outbox.kept();
    if (refusal) this.offer(provider, refusal.kept, refusal.why);
    for (const kept of earlier.filter(({ key }) => key !== refusal?.kept.key)) this.offer(provider, kept, "");
  }

  private offer(provider: Provider, kept: Kept, why: string): void {
    offerWords(kept, why, () => void provider.outbox.drop(kept));
  }

  private show(provider: Provider): void {
    const carets = new Carets(provider.awareness);
    const around: Around = { link: null, toolbar: null };
    this.holder.replaceChildren();
    const editor = provider.guard(
      () =>
        new Editor({
          element: this.holder,
          injectCSS: false,
          editable: provider.mayWrite,
          extensions: [
            ...extensions({
              fragment: rootOf(provider.doc),
              placeholder: t("editor.placeholder"),
              taskLabel: (text) => (text ? t("editor.task", { text }) : t("editor.task_empty")),
            }),
            CaretsExtension.configure({ carets }),
            SlashMenu,
            BubbleMenu.configure({
              openLink: () => around.link?.show(),
              focusToolbar: () => around.toolbar?.focus(),
            }),
          ],
          editorProps: {
            attributes: {
              class: "prose",
              role: "textbox",
              "aria-multiline": "true",
              "aria-label": t("editor.document"),
            },
          },
        }),
    );
    this.editor = editor;
    editor.view.dom.addEventListener("compositionstart", () => provider.hold());
    // The editor reads the composed words a moment after the end.
    editor.view.dom.addEventListener("compositionend", () => provider.hold(COMPOSED_MS));
    for (const origin of ["source", "demo", "scripted"] as const) {
      this.holder.style.setProperty(`--origin-${origin}`, JSON.stringify(originLabel(origin)));
    }
    around.link = new LinkForm(editor);
    const bar = document.getElementById("toolbar");
    if (bar) around.toolbar = new Toolbar(editor, bar, around.link.show);
    this.around.push(around.link, ...(around.toolbar ? [around.toolbar] : []), editor);
    const presence = document.getElementById("presence");
    if (presence) this.around.unshift(new Presence(presence, provider.awareness, carets, this.config.user));
    this.toolbar(provider.mayWrite);
    this.holder.dataset["ready"] = "";
  }

  /** The document holds what this page does not know: show nothing rather than delete it. */
  private giveUp(provider: Provider): void {
    provider.ending = "outdated";
    provider.status = "ended";
    this.changed();
    provider.destroy();
  }

  /** Go back to the server's state. Words of ours that are not in it are offered to their author. */
  private reopen(why: string): void {
    const { provider } = this;
    if (!provider || this.isReopening) return;
    this.isReopening = true;
    this.rollbacks += 1;
    // Not in the middle of a transaction of the document.
    setTimeout(() => void this.rollBack(provider, why), 0);
  }

  private async rollBack(provider: Provider, why: string): Promise<void> {
    const { outbox } = provider;
    this.editor?.setEditable(false, false); // what is typed from here on would lean on what goes
    const refused = outbox.entries.slice();
    const text = unsavedWords(
      provider.doc,
      refused.map(({ update }) => update),
    );
    // First stored, then forgotten: a reload in between loses nothing.
    const kept = text ? await outbox.keep(text) : { text, key: null };
    outbox.done(refused);
    for (const one of this.around.splice(0)) one.destroy();
    this.editor = null;
    delete this.holder.dataset["ready"];
    outbox.close();
    provider.destroy();
    this.isReopening = false;
    if (this.rollbacks > 5) return this.giveUp(provider);
    await this.open(refused.length ? { kept, why } : undefined);
  }
}

function originLabel(origin: "source" | "demo" | "scripted"): string {
  if (origin === "source") return t("editor.origin_source");
  return origin === "demo" ? t("editor.origin_demo") : t("editor.origin_scripted");
}
