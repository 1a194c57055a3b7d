// Hocuspocus as its manual starts it. With STORE=<folder> it also keeps each document as a file, as its store hook does.
import { open } from "node:fs/promises"
import { join } from "node:path"
import { Server } from "@hocuspocus/server"
import { encodeStateAsUpdate } from "yjs"

const folder = process.env.STORE
const server = new Server({
  address: "127.0.0.1",
  port: Number(process.env.PORT),
  quiet: true,
  async onStoreDocument({ documentName, document }) {
    if (!folder) return
    const file = await open(join(folder, documentName), "w")
    await file.writeFile(encodeStateAsUpdate(document))
    await file.sync()
    await file.close()
  },
})
server.listen()
