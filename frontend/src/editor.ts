/** Entry of the document page: turns the place of the editor into one. */

import { type Config, Session } from "./editor/session";

const holder = document.getElementById("editor");
const config = document.getElementById("editor-config")?.textContent;
if (holder && config) void new Session(JSON.parse(config) as Config, holder).open();
