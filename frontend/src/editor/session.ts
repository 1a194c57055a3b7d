/** One open document: its provider, its editor and everything around it. Rolling back means opening it anew. */

import { Editor } from "@tiptap/core";
import { ySyncPluginKey } from "y-prosemirror";
import { t } from "../strings";
import { BubbleMenu, LinkForm } from "./bubble";
import { Carets, CaretsExtension, type Peer } from "./carets";
import { extensions } from "./extensions";
import { BlockHandle } from "./handle";
import { readSelection } from "./local";
import { looseWords } from "./loose";
import { offerWords } from "./offers";
import { type Entry, type Kept, type Locks, Outbox, SIGNED_OUT_KEY } from "./outbox";
import { Presence } from "./presence";
import type { Ending } from "./listeners";
import { Provider } from "./provider";
import { ReadingCopy } from "./reading";
import { VERSION } from "./schema";
import { SignIn } from "./signin";
import { SlashMenu } from "./slash";
import { StateView } from "./state";
import { isBroken, mend, rootOf, unknownIn, unsavedWords } from "./structure";
import { Toolbar } from "./toolbar";
import { watchWake } from "./wake";

const COMPOSED_MS = 80;
const MOST_ROLLBACKS = 5;
const QUIET_MS = 60_000;
/** There is no editor and will be none, but the text may be read. */
const READABLE: (Ending | null)[] = ["outdated", "broken"];

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
  private readonly state = new StateView({ reconnect: () => this.tryNow(), signIn: () => this.signIn.open() });
  private readonly copy: ReadingCopy;
  private readonly signIn: SignIn;
  private isReopening = false;
  private rollbacks = 0;
  private quiet: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly config: Config,
    private readonly holder: HTMLElement,
  ) {
    this.copy = new ReadingCopy(holder, () => this.changed());
    this.signIn = new SignIn(config.user.id, {
      back: () => this.back(),
      stranger: () => this.provider?.end("stranger"),
    });
    watchWake({
      woke: () => this.woke(),
      lost: () => this.provider?.verify(),
      frozen: () => this.provider?.pause(),
    });
    window.addEventListener("storage", ({ key }) => {
      if (key === SIGNED_OUT_KEY || key === null) this.lookForSignOut();
    });
    window.addEventListener("session-ended", (event) => {
      event.preventDefault(); // this page has its own way back
      void this.signIn.look().then((who) => who === "nobody" && this.provider?.signOut());
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.provider && !this.provider.outbox.isSafe) event.preventDefault();
    });
  }

  /** Connect; the editor comes with the document's first complete state. */
  async open(refusal?: Refusal): Promise<void> {
    const locks = (navigator as { locks?: Locks }).locks;
    this.copy.start();
    const outbox = await Outbox.open({ document: this.config.document, user: this.config.user.id, locks });
    void outbox.waiting().then((n) => {
      this.copy.waiting = n;
    });
    const provider: Provider = new Provider({
      url: socketUrl(this.config.socket),
      user: this.config.user.id,
      outbox,
      binding: ySyncPluginKey,
      beforeRemote: () => this.editor && readSelection(this.editor.view),
      probe: () => probe(this.config.document),
      listeners: {
        changed: () => this.changed(),
        synced: () => void this.synced(refusal),
        refused: (why, code) => this.reopen(why, code),
        found: (old) => void this.found(provider, old),
        signedOut: () => void this.signedOut(provider),
        mismatch: () => this.reopen(""),
      },
    });
    this.provider = provider;
    provider.awareness.setLocalState({ user: this.config.user });
    provider.connect();
    this.changed();
  }

  private tryNow(): void {
    this.copy.wake();
    this.provider?.reconnect();
  }

  private woke(): void {
    this.lookForSignOut();
    this.copy.wake();
    if (this.provider?.status === "signed_out") void this.signIn.look();
    else this.provider?.wake();
  }

  // --- the session -------------------------------------------------------------------------------------------------
  /** Another tab has signed out of this browser: it has cleared what was stored, and nothing may follow. */
  private lookForSignOut(): void {
    if (this.provider?.outbox.look()) this.provider.signOut();
  }

  private async signedOut(provider: Provider): Promise<void> {
    provider.outbox.look();
    this.copy.stop();
    this.changed();
    // A changed password ends the session of this socket alone; after a sign-out somebody has to ask.
    if (!provider.outbox.isForgotten) await this.signIn.look();
  }

  private back(): void {
    const { provider } = this;
    if (!provider || provider.status !== "signed_out") return;
    provider.outbox.renew();
    if (!this.editor) this.copy.start();
    provider.reconnect();
    this.changed();
    this.editor?.commands.focus();
  }

  private changed(): void {
    const { provider, editor } = this;
    if (!provider || this.isReopening) return;
    if (provider.ending === "restored") return void this.rescue(provider);
    if (!editor && (provider.status === "offline" || READABLE.includes(provider.ending))) this.copy.hurry();
    if (provider.ending === "gone" || provider.ending === "forbidden") this.copy.clear();
    if (provider.ending === "stranger") this.copy.stop();
    this.holder.toggleAttribute("data-ended", provider.ending !== null || provider.status === "signed_out");
    this.state.show(provider, this.copy);
    const isEditable = provider.mayWrite;
    this.reachable(editor !== null && isEditable);
    if (editor && editor.isEditable !== isEditable) {
      editor.setEditable(isEditable, false);
      this.toolbar(isEditable);
    }
  }

  /** What scrolls has to be reached by keyboard, and a text that is only read takes no focus by itself. */
  private reachable(isWritten: boolean): void {
    const scroll = this.holder.closest(".scroll");
    if (isWritten) scroll?.removeAttribute("tabindex");
    else scroll?.setAttribute("tabindex", "0");
  }

  private toolbar(isShown: boolean): void {
    const bar = document.getElementById("toolbar");
    if (bar) bar.hidden = !isShown;
  }

  private async synced(refusal?: Refusal): Promise<void> {
    const { provider } = this;
    if (!provider) return;
    if (unknownIn(provider.doc) !== null) return this.giveUp(provider, "outdated");
    if (isBroken(provider.doc)) provider.repair(() => mend(provider.doc));
    this.show(provider);
    const earlier = await provider.outbox.kept();
    if (refusal) this.offer(provider, refusal.kept, refusal.why);
    for (const kept of earlier.filter(({ key }) => key !== refusal?.kept.key)) this.offer(provider, kept, kept.why ?? "");
  }

  private offer(provider: Provider, kept: Kept, why: string): void {
    offerWords(kept, why, (one) => void provider.outbox.drop(one));
  }

  /** Words of an earlier history are on this device: they are never sent. */
  private async found(provider: Provider, old: Entry[]): Promise<void> {
    const why = t("editor.restored_words");
    const text = looseWords(old.map(({ update }) => update));
    if (text) this.offer(provider, await provider.outbox.keep(text, why), why);
    provider.outbox.done(old);
  }

  /** The document has another history than this page: its words here are offered, the rest goes with a reload. */
  private async rescue(provider: Provider): Promise<void> {
    this.isReopening = true;
    this.editor?.setEditable(false, false);
    this.reachable(false);
    this.toolbar(false);
    const entries = provider.outbox.entries.slice();
    const why = t("editor.restored_words");
    const text = unsavedWords(
      provider.doc,
      entries.map(({ update }) => update),
    );
    // First stored, then forgotten: a reload in between loses nothing.
    if (text) this.offer(provider, await provider.outbox.keep(text, why), why);
    provider.outbox.done(entries);
    if (!this.editor) this.copy.hurry();
    this.state.show(provider, this.copy);
  }

  private show(provider: Provider): void {
    const carets = new Carets(provider.awareness);
    const around: Around = { link: null, toolbar: null };
    const scroll = this.holder.closest(".scroll");
    const top = scroll?.scrollTop ?? 0;
    this.copy.stop();
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
              room: () => provider.room,
            }),
            CaretsExtension.configure({ carets }),
            SlashMenu,
            BlockHandle,
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
    if (scroll && top) scroll.scrollTop = top; // who was reading the copy goes on reading
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
  private giveUp(provider: Provider, why: Ending): void {
    provider.end(why);
    provider.destroy();
  }

  /** Go back to the server's state. Words of ours that are not in it are offered to their author. */
  private reopen(why: string, code = ""): void {
    const { provider } = this;
    if (!provider || this.isReopening) return;
    this.isReopening = true;
    if (code !== "full") this.rollbacks += 1; // a full document refuses as often as somebody writes
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      this.rollbacks = 0;
    }, QUIET_MS);
    // Not in the middle of a transaction of the document.
    setTimeout(() => void this.rollBack(provider, code === "full" ? why || t("editor.full") : why), 0);
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
    const kept = text ? await outbox.keep(text, why) : { text, key: null };
    outbox.done(refused);
    for (const one of this.around.splice(0)) one.destroy();
    this.editor = null;
    delete this.holder.dataset["ready"];
    outbox.close();
    provider.destroy();
    this.isReopening = false;
    if (this.rollbacks > MOST_ROLLBACKS) {
      this.copy.start();
      return this.giveUp(provider, "broken");
    }
    await this.open(refused.length ? { kept, why } : undefined);
  }
}

function originLabel(origin: "source" | "demo" | "scripted"): string {
  if (origin === "source") return t("editor.origin_source");
  return origin === "demo" ? t("editor.origin_demo") : t("editor.origin_scripted");
}
