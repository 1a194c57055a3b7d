/**
 * The text to read while no websocket comes through.
 *
 * Threads: a proxy that blocks websockets shows an empty page (docmost #133, #262, #584; docs #517, #2556).
 */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ReadingCopy } from "../src/editor/reading";

let holder: HTMLElement;
let asked: Headers[];
let answers: (() => Promise<Response>)[];
let changes: number;
let copy: ReadingCopy;

const page = (html: string, etag: string): (() => Promise<Response>) => async () => new Response(html, { headers: { ETag: etag } });
const unchanged = async (): Promise<Response> => new Response(null, { status: 304 });
const away = async (): Promise<Response> => Promise.reject(new TypeError("no network"));

beforeEach(() => {
  vi.useFakeTimers();
  document.body.innerHTML = '<div class="scroll"><div id="editor" data-reading="/documents/d/reading/"></div></div>';
  holder = document.getElementById("editor") as HTMLElement;
  asked = [];
  answers = [];
  changes = 0;
  copy = new ReadingCopy(
    holder,
    () => {
      changes += 1;
    },
    (async (_url: string, init: RequestInit) => {
      asked.push(new Headers(init.headers));
      return (answers.shift() ?? away)();
    }) as unknown as typeof fetch,
  );
});

afterEach(() => {
  copy.stop();
  vi.useRealTimers();
});

test("is not asked for when the document opens at once", async () => {
  copy.start();
  await vi.advanceTimersByTimeAsync(200);
  copy.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toHaveLength(0);
  expect(holder.innerHTML).toBe("");
});

test("is shown when the editor is not there after 800 milliseconds, and not before", async () => {
  answers = [page("<p>The latest words</p>", '"1-4"')];
  copy.start();
  await vi.advanceTimersByTimeAsync(700);
  expect(asked).toHaveLength(1);
  expect(holder.textContent).toBe("");
  await vi.advanceTimersByTimeAsync(150);
  expect(holder.textContent).toBe("The latest words");
  expect(copy.isShown).toBe(true);
  expect(changes).toBe(1);
  expect(copy.at).toBeInstanceOf(Date);
});

test("is shown at once when the socket has failed", async () => {
  answers = [page("<p>Words</p>", '"1-4"')];
  copy.start();
  copy.hurry();
  await vi.advanceTimersByTimeAsync(1);
  expect(holder.textContent).toBe("Words");
});

test("is looked up again every ten seconds, and changes when the document has", async () => {
  answers = [page("<p>One</p>", '"1-4"'), unchanged, page("<p>Two</p>", '"1-5"')];
  copy.start();
  copy.hurry();
  await vi.advanceTimersByTimeAsync(1);
  const first = holder.firstChild;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked[1]?.get("If-None-Match")).toBe('"1-4"');
  expect(holder.firstChild).toBe(first);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(holder.textContent).toBe("Two");
});

test("goes on being asked for when there is no answer, and never empties the page", async () => {
  answers = [away, page("<p>One</p>", '"1-4"'), away, async () => new Response("", { status: 503 })];
  copy.start();
  copy.hurry();
  await vi.advanceTimersByTimeAsync(3_100);
  expect(holder.textContent).toBe("One");
  await vi.advanceTimersByTimeAsync(25_000);
  expect(asked.length).toBeGreaterThan(3);
  expect(holder.textContent).toBe("One");
});

test("is never the page that asks for a password", async () => {
  const login = new Response("<p>Sign in</p>");
  Object.defineProperty(login, "redirected", { value: true });
  answers = [async () => login];
  copy.start();
  copy.hurry();
  await vi.advanceTimersByTimeAsync(100);
  expect(holder.textContent).toBe("");
});

test("has the shape of the editor's text", async () => {
  answers = [page('<ul><li>☑ <p>Done</p></li><li>☐ <p>Not yet</p></li></ul><table><tbody><tr><td><p></p></td></tr></tbody></table><p><a href="https://x.org">x</a></p>', '"1-4"')];
  copy.start();
  copy.hurry();
  await vi.advanceTimersByTimeAsync(1);
  const list = holder.querySelector("ul");
  expect(list?.dataset["type"]).toBe("taskList");
  expect([...(list?.children ?? [])].map((item) => (item as HTMLElement).dataset["checked"])).toEqual(["true", "false"]);
  expect([...holder.querySelectorAll("input")].map((box) => box.checked)).toEqual([true, false]);
  expect(holder.querySelector(".tableWrapper > table")).not.toBeNull();
  expect(holder.querySelector("a")?.target).toBe("_blank");
  expect(list?.textContent).toBe("DoneNot yet");
});
