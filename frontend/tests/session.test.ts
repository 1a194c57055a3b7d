/** A session that ends while somebody types, and a browser that somebody signs out of: words are kept, or are nowhere. */

import "fake-indexeddb/auto";
import { describe, expect, test, vi } from "vitest";
import { forgetEverything, SIGNED_OUT_KEY } from "../src/editor/outbox";
import { moodOf } from "../src/editor/state";
import { watchWake } from "../src/editor/wake";
import { until } from "./server";
import { live, server } from "./tab";

const text = (): string => server.doc.getXmlFragment("default").toString();

describe("a session that has ended", () => {
  test("leaves the editor as it was, and sends what was written when the same person is back", async () => {
    const ada = await live();
    server.last.drop(4401);
    expect(ada.provider.status).toBe("signed_out");
    expect(moodOf(ada.provider)).toBe("signed_out");
    expect(ada.provider.mayWrite).toBe(true);
    expect(ada.ends).toBe(1);
    ada.type("written meanwhile");
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(server.sockets).toHaveLength(1);
    ada.provider.wake(); // looking at the page does not sign in
    expect(server.sockets).toHaveLength(1);
    ada.provider.reconnect();
    await until(() => ada.provider.isSaved && ada.provider.status === "live");
    expect(text()).toContain("written meanwhile");
  });

  test("sends nothing in the name of whoever signs in instead", async () => {
    server.user = "ada";
    const ada = await live();
    server.last.drop(4401);
    ada.type("Ada's own words");
    server.user = "bob";
    ada.provider.reconnect();
    await until(() => ada.provider.ending === "stranger");
    expect(server.last.sent).toEqual([]);
    expect(ada.outbox.entries).toHaveLength(1);
    await ada.stored();
    ada.leave();
    server.user = "bob";
    const bob = await live("bob");
    expect(bob.text()).not.toContain("Ada's own words");
    bob.leave();
    server.user = "ada";
    const again = await live("ada");
    await until(() => again.provider.isSaved);
    expect(text()).toContain("Ada's own words");
  });

  test("is said again when it ends again", async () => {
    const ada = await live();
    for (const times of [1, 2]) {
      server.last.drop(4401);
      expect(ada.ends).toBe(times);
      ada.provider.reconnect();
      await until(() => ada.provider.status === "live");
    }
  });
});

describe("a browser that somebody signed out of", () => {
  test("stores nothing more in tabs that are still open", async () => {
    const ada = await live();
    server.stop();
    ada.type("before");
    await ada.stored();
    await forgetEverything(); // in another tab
    ada.type("after");
    await ada.stored();
    expect(await ada.outbox.waiting()).toBe(0);
    expect(ada.outbox.isForgotten).toBe(true);
    expect(ada.outbox.isSafe).toBe(false);
    expect(ada.provider.mayWrite).toBe(false);
    ada.leave();
    server.isUp = true;
    expect((await live()).text()).not.toMatch(/before|after/);
  });

  test("stores nothing that was on its way while it was cleared", async () => {
    const ada = await live();
    server.stop();
    ada.type("on its way"); // looked at before the sign-out, stored after it
    localStorage.setItem(SIGNED_OUT_KEY, "another tab");
    await ada.stored();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await ada.outbox.waiting()).toBe(0);
  });

  test("stores again, and sends, when the same person has signed in in the page", async () => {
    const ada = await live();
    server.stop();
    ada.type("in this page alone");
    await ada.stored();
    await forgetEverything();
    expect(ada.outbox.look()).toBe(true);
    ada.provider.signOut();
    ada.outbox.renew();
    await ada.stored();
    expect(await ada.outbox.waiting()).toBe(1);
    expect(ada.outbox.isSafe).toBe(true);
    server.isUp = true;
    ada.provider.reconnect();
    await until(() => ada.provider.isSaved);
    expect(text()).toContain("in this page alone");
    expect(await ada.outbox.waiting()).toBe(0);
  });
});

describe("a page that was away", () => {
  test("is put into the browser's page cache without a socket, and connects when it comes back", async () => {
    const ada = await live();
    ada.provider.pause();
    expect(server.last.isOpen).toBe(false);
    expect(ada.provider.status).toBe("offline");
    ada.type("typed in the last moment");
    ada.provider.wake();
    await until(() => ada.provider.status === "live" && ada.provider.isSaved);
    expect(text()).toContain("the last moment");
  });

  test("finds out that its connection has died without a word", async () => {
    const ada = await live();
    const dead = server.last;
    dead.isOpen = false;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    ada.provider.wake();
    await vi.advanceTimersByTimeAsync(5_000); // four seconds without an answer, then the first pause
    vi.useRealTimers();
    await until(() => server.last !== dead && ada.provider.status === "live");
  });

  test("is woken by a clock that jumped, by the page cache and by the network", () => {
    vi.useFakeTimers();
    const heard: string[] = [];
    watchWake({ woke: () => heard.push("woke"), lost: () => heard.push("lost"), frozen: () => heard.push("frozen") });
    const show = (type: string, persisted: boolean): boolean =>
      window.dispatchEvent(Object.assign(new Event(type), { persisted }));
    vi.advanceTimersByTime(30_000);
    expect(heard).toEqual([]);
    vi.setSystemTime(Date.now() + 60_000); // a laptop slept
    vi.advanceTimersByTime(5_000);
    show("pagehide", false);
    show("pagehide", true);
    show("pageshow", true);
    window.dispatchEvent(new Event("offline"));
    window.dispatchEvent(new Event("online"));
    vi.useRealTimers();
    expect(heard).toEqual(["woke", "frozen", "woke", "lost", "woke"]);
  });
});
