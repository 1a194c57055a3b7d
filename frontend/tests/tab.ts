/** A tab of a browser for tests: an outbox and a provider at the server of `server.ts`. All are closed after each test. */

import { afterEach, beforeEach } from "vitest";
import { type Entry, forgetEverything, Outbox } from "../src/editor/outbox";
import { Provider } from "../src/editor/provider";
import { FakeLocks, FakeServer, paragraph, until } from "./server";

export const BINDING = Symbol("binding");
export let server: FakeServer;
let locks: FakeLocks;
let open: { provider: Provider; outbox: Outbox }[] = [];

beforeEach(async () => {
  server = new FakeServer();
  locks = new FakeLocks();
  await forgetEverything();
});

afterEach(() => {
  for (const { provider, outbox } of open) {
    outbox.close();
    provider.destroy();
  }
  open = [];
});

export interface Tab {
  provider: Provider;
  outbox: Outbox;
  refusals: string[];
  codes: (string | undefined)[];
  mismatches: number;
  /** How many times the session ended, and words of earlier histories that were found. */
  ends: number;
  old: Entry[];
  /** The tab's page goes away without a word. */
  leave: () => void;
  text: () => string;
  type: (text: string) => void;
  /** Wait until everything typed is stored on the device. */
  stored: () => Promise<void>;
}

export async function tab(user = "ada", probe?: () => Promise<number | null>): Promise<Tab> {
  const outbox = await Outbox.open({ document: "d", user, locks });
  const made: Tab = {
    outbox,
    refusals: [],
    codes: [],
    mismatches: 0,
    ends: 0,
    old: [],
    leave: () => {
      outbox.close();
      provider.destroy();
      open = open.filter((one) => one.provider !== provider);
    },
    stored: async () => {
      await Promise.all(outbox.entries.map((entry) => entry.stored));
    },
    text: () => provider.doc.getXmlFragment("default").toString(),
    type: (text: string) => {
      const root = provider.doc.getXmlFragment("default");
      paragraph(root, text);
    },
  } as unknown as Tab;
  const provider: Provider = new Provider({
    url: "ws://test/",
    user,
    outbox,
    binding: BINDING,
    make: server.make,
    ...(probe ? { probe } : {}),
    listeners: {
      changed: () => {},
      synced: () => {},
      refused: (why, code) => {
        made.refusals.push(why);
        made.codes.push(code);
      },
      found: (old) => made.old.push(...old),
      signedOut: () => {
        made.ends += 1;
      },
      mismatch: () => {
        made.mismatches += 1;
      },
    },
  });
  made.provider = provider;
  open.push({ provider, outbox });
  provider.awareness.setLocalState({ user: { name: "悟空 Ada" } });
  provider.connect();
  return made;
}

export async function live(user?: string): Promise<Tab> {
  const made = await tab(user);
  await until(() => made.provider.isSynced);
  return made;
}

