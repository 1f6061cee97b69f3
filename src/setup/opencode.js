// Reports what opencode does to ai-coder-events. Installed and removed by `ai-coder-events setup opencode`.
import { spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from "node:fs"

const [program, ...words] = ["ai-coder-events", "hook", "opencode"]
// Whoever keeps the history reads what lies here, in its order, and removes it.
const folder = null
// Where nobody reads any more, nothing more is left.
const FILES_MAX = 1000

const wanted = new Set([
  "session.created", "session.deleted", "session.status", "session.idle", "session.error", "session.compacted",
  "permission.asked", "permission.replied", "question.asked", "question.replied", "question.rejected", "todo.updated",
])

// An agent runs a handful of tools at once: of those that never end, no more are remembered.
const OPEN_MAX = 1000

// Parts are sent again with every change: what is finished is reported, and once that a tool is at work.
const isTelling = (part, open) => {
  if (part.type !== "tool") return part.type === "step-finish" || (part.type === "text" && part.time?.end)
  const status = part.state?.status
  if (status === "running") {
    if (open.has(part.callID)) return false
    remember(open, part.callID)
    return true
  }
  open.delete(part.callID)
  return ["completed", "error"].includes(status)
}

const remember = (set, id) => {
  if (set.size >= OPEN_MAX) set.clear()
  set.add(id)
}

// A session is called by its time until the model has a name for it.
const isNewTitle = (info, titles) => {
  if (!info?.title || /^(New|Child) session - /.test(info.title) || titles.get(info.id) === info.title) return false
  if (titles.size >= OPEN_MAX) titles.clear()
  titles.set(info.id, info.title)
  return true
}

// A process a payload: where nothing can be left in the folder, and once to wake who reads it.
const call = (payload) => {
  const child = spawn(program, words, { stdio: ["pipe", "ignore", "ignore"], detached: true })
  child.on("error", () => {})
  child.stdin.on("error", () => {})
  child.stdin.end(JSON.stringify(payload))
  child.unref()
}

// Which process this is, as Linux tells it.
const identity = () => {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8")
    return {
      pid: process.pid,
      start: Number(stat.slice(stat.lastIndexOf(") ") + 2).split(" ")[19]),
      boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
      namespace: readlinkSync("/proc/self/ns/pid"),
    }
  } catch {
    return undefined
  }
}

let opened = 0

// A file of this load's own; `undefined` where none can be had.
const openFeed = () => {
  if (!folder) return undefined
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (readdirSync(folder).length >= FILES_MAX) return undefined
    const name = `opencode-${process.pid}-${Date.now().toString(36)}-${opened++}.jsonl`
    const file = openSync(`${folder}/${name}`, "ax", 0o600)
    let [seq, isBroken] = [0, false]
    const write = (line) => {
      const text = `${isBroken ? "\n" : ""}${JSON.stringify({ seq: seq++, at: Date.now(), ...line })}\n`
      isBroken = writeSync(file, text) < Buffer.byteLength(text)
    }
    write({ type: "feed.begun", process: identity(), parent: process.env.AI_CODER_ID })
    return { write, close: () => closeSync(file) }
  } catch {
    return undefined
  }
}

export const AiCoderEvents = async ({ directory }) => {
  const models = new Map()
  const open = new Set()
  const titles = new Map()
  // Messages of the person, and sessions that another session began.
  const [asked, children] = [new Set(), new Set()]
  const feed = openFeed()
  // Tells nothing of its own: what it writes down is that there is something to read.
  if (feed) call({ type: "server.connected" })
  return {
    event: async ({ event }) => {
      try {
        const { id, type, properties } = event
        if (type === "message.updated" && properties.info?.modelID) {
          const { sessionID, providerID, modelID } = properties.info
          models.set(sessionID, { providerID, modelID })
        }
        if (type === "message.updated" && properties.info?.role === "user") remember(asked, properties.info.id)
        if (type === "session.created" && properties.info?.parentID) remember(children, properties.info.id)
        const part = properties.part
        const isPrompt = type === "message.part.updated" && part.type === "text" && asked.has(part.messageID) && !part.synthetic
        const isTitle = type === "session.updated" && isNewTitle(properties.info, titles)
        if (isPrompt || isTitle || (type === "message.part.updated" ? isTelling(part, open) : wanted.has(type))) {
          const session = properties.sessionID ?? part?.sessionID
          const more = isPrompt ? { role: "user", child: children.has(session) } : {}
          const payload = { id, type, directory, model: models.get(session), ...more, properties }
          if (feed) feed.write(payload)
          else call(payload)
          if (type === "session.deleted") models.delete(session)
        }
      } catch {
        // Whatever happens here, opencode goes on.
      }
    },
    dispose: async () => {
      try {
        feed?.write({ type: "feed.ended" })
        feed?.close()
      } catch {
        // The end of the process tells the same.
      }
    },
  }
}
