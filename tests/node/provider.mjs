// Two stock y-websocket providers at one document: node provider.mjs URL DOCUMENT KEY
// They write at the same time, then watch; each line of standard input asks for what they see now.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../frontend/package.json", import.meta.url));
const WebSocket = require("ws");
const Y = require("yjs");
const { WebsocketProvider } = require("y-websocket");

const [url, documentId, key] = process.argv.slice(2);

function open() {
  const doc = new Y.Doc();
  const provider = new WebsocketProvider(`${url}/ws/documents`, documentId, doc, {
    WebSocketPolyfill: WebSocket,
    protocols: [`wukong.bearer.${key}`, "wukong.sync"],
    disableBc: true,
  });
  return { doc, provider, root: doc.getXmlFragment("default") };
}

async function until(condition, what) {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const say = (body) => process.stdout.write(`${JSON.stringify(body)}\n`);
const seen = (one) => one.root.toString();

const [a, b] = [open(), open()];
await until(() => a.provider.synced && b.provider.synced, "synced");
say({ opened: seen(a), protocol: a.provider.ws.protocol });

const paragraph = a.root.get(1).get(0);
for (let number = 0; number < 30; number += 1) {
  paragraph.insert(paragraph.length, `a${number} `);
  b.root.get(1).get(0).insert(0, `b${number} 字🎉 `);
  if (number % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
}
a.doc.transact(() => {
  const block = new Y.XmlElement("paragraph");
  block.setAttribute("id", "fromnode");
  const text = new Y.XmlText();
  block.insert(0, [text]);
  a.root.insert(2, [block]);
  text.insert(0, "bold and plain");
  text.format(0, 4, { bold: {} });
});
await until(() => seen(a) === seen(b) && seen(b).includes("a29 ") && seen(a).includes("b29 "), "the two converge");
await until(() => seen(b).includes("<bold>bold</bold>"), "formats arrive");

a.provider.awareness.setLocalStateField("user", { name: "somebody else" });
const other = () => b.provider.awareness.getStates().get(a.doc.clientID)?.user;
await until(() => other()?.kind === "person", "presence arrives");
say({ converged: seen(a), user: other(), own: a.provider.awareness.getLocalState().user });

for await (const _line of createInterface({ input: process.stdin })) {
  await until(() => seen(a) === seen(b), "the two agree");
  say({ a: seen(a), b: seen(b), agents: [...a.provider.awareness.getStates().values()].filter((one) => one.user?.kind === "agent").length });
}
a.provider.destroy();
b.provider.destroy();
process.exit(0);
