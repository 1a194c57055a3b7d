// Eight stock y-websocket providers at one document: node conformance.mjs URL[,URL] DOCUMENT KEY
// Text, formats, elements and attributes at the same time; three are offline for a while and write on; one joins late;
// presence comes and goes. Says one JSON object for each part.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../frontend/package.json", import.meta.url));
const WebSocket = require("ws");
const Y = require("yjs");
const { WebsocketProvider } = require("y-websocket");

const [addresses, documentId, key] = process.argv.slice(2);
const urls = addresses.split(",");
const CLIENTS = 8;
const SPICE = ["", "字", "🎉", "👩\u200d👩\u200d👧", "e\u0301"];
const tokens = [];

function open(number) {
  const doc = new Y.Doc();
  const provider = new WebsocketProvider(`${urls[number % urls.length]}/ws/documents`, documentId, doc, {
    WebSocketPolyfill: WebSocket,
    protocols: [`wukong.bearer.${key}`, "wukong.sync"],
    disableBc: true,
  });
  const one = { number, doc, provider, root: doc.getXmlFragment("default"), closes: [] };
  provider.on("connection-close", (event) => event && one.closes.push(event.code));
  return one;
}

async function until(condition, what) {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const say = (body) => process.stdout.write(`${JSON.stringify(body)}\n`);
const seen = (one) => one.root.toString();
const same = (some) => some.every((one) => seen(one) === seen(some[0]));

function token(one, what) {
  const name = `‹${what}${one.number}n${tokens.length}${SPICE[tokens.length % SPICE.length]}› `;
  tokens.push(name.trim());
  return name;
}

function paragraph(id, words) {
  const block = new Y.XmlElement("paragraph");
  block.setAttribute("id", id);
  block.insert(0, [new Y.XmlText(words)]);
  return block;
}

const firstText = (one) => one.root.get(0).get(0);

async function type(some, what, times) {
  for (let time = 0; time < times; time += 1) {
    for (const one of some) {
      const text = firstText(one);
      // At the end, or at the very start of the line, where all of them write at the same time.
      text.insert(time % 2 ? 0 : text.length, token(one, what));
    }
    if (time % 5 === 0) await pause(5);
  }
}

const all = Array.from({ length: CLIENTS - 1 }, (_, number) => open(number));
await until(() => all.every((one) => one.provider.synced), "all are in sync");
await until(() => all.every((one) => one.root.length > 0), "all see the document");

await type(all, "text", 12);
await until(() => same(all), "text converges");
say({ part: "text", same: true });

for (const one of all) {
  const block = paragraph(`marks${one.number}`, "bold and plain 字🎉");
  one.root.push([block]);
  block.get(0).format(0, 4, { bold: {} });
  block.get(0).format(2, 6, { italic: {} });
  block.get(0).format(9, 5, { link: { href: `https://example.com/${one.number}` } });
}
await until(() => same(all) && all.every((one) => one.root.length >= CLIENTS), "formats converge");
say({ part: "formats", same: true });

for (const one of all) {
  one.doc.transact(() => {
    const list = new Y.XmlElement("bulletList");
    list.setAttribute("id", `list${one.number}`);
    const item = new Y.XmlElement("listItem");
    item.insert(0, [paragraph(`item${one.number}`, token(one, "item"))]);
    list.insert(0, [item]);
    one.root.insert(1, [list]);
  });
  const heading = new Y.XmlElement("heading");
  heading.setAttribute("id", `heading${one.number}`);
  heading.setAttribute("level", 1);
  heading.insert(0, [new Y.XmlText(token(one, "heading"))]);
  one.root.insert(one.root.length, [heading]);
  heading.setAttribute("level", 2);
}
await until(() => same(all), "elements converge");
const gone = all[0].root.toArray().findIndex((block) => block.getAttribute?.("id") === "marks3");
all[0].root.delete(gone, 1); // while somebody else still writes into it
all[1].root.toArray().find((block) => block.getAttribute?.("id") === "marks3")?.get(0).insert(0, "into what goes ");
await until(() => same(all), "deletions converge");
say({ part: "elements", same: true });

const away = all.slice(4);
for (const one of away) one.provider.disconnect();
await Promise.all([type(away, "offline", 6), type(all.slice(0, 4), "online", 6)]);
away[0].root.push([paragraph("offline4", token(away[0], "block"))]);
const late = open(CLIENTS - 1);
all.push(late);
for (const one of away) one.provider.connect();
await until(() => all.every((one) => one.provider.synced) && same(all) && seen(late).includes("offline"), "all converge");
say({ part: "offline and late", same: true });

for (const one of all) one.provider.awareness.setLocalStateField("user", { name: `liar ${one.number}`, color: "#ff0000" });
const users = (one) => [...one.provider.awareness.getStates()].filter(([id]) => id !== one.doc.clientID).map(([, state]) => state.user);
await until(() => all.every((one) => users(one).filter((user) => user?.kind === "person").length === CLIENTS - 1), "everybody is seen");
say({ part: "awareness", names: [...new Set(all.flatMap((one) => users(one).map((user) => user.name)))] });

const left = all.splice(2, 1)[0];
const leaver = left.doc.clientID;
left.provider.destroy();
await until(() => all.every((one) => !one.provider.awareness.getStates().has(leaver)), "who has left is not seen");
await type(all, "after", 2);
await until(() => same(all), "the others go on");
say({ part: "leave", seen: all.map((one) => one.provider.awareness.getStates().size) });

await pause(300);
say({ part: "end", tokens, shown: all.map(seen), closes: all.map((one) => one.closes) });
for (const one of all) one.provider.destroy();
process.exit(0);
