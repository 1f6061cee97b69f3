// Reports what opencode does to ai-coder-events. Installed and removed by `ai-coder-events setup opencode`.
import { spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from "node:fs"
import { homedir } from "node:os"
import { isMainThread } from "node:worker_threads"

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

// What the configuration does not want recorded is not left for the reader either: `prompts = false` under `[record]`.
const unwanted = () => {
  try {
    const folder = process.env.XDG_CONFIG_HOME || `${homedir()}/.config`
    const text = readFileSync(`${folder}/ai-coder-events/config.toml`, "utf8").replace(/#.*/g, "")
    return new Set(["prompts", "outputs", "diffs"].filter((kind) => new RegExp(`\\b${kind}"?\\s*=\\s*false`).test(text)))
  } catch {
    return new Set()
  }
}

// A part without what is not wanted; nothing where it is nothing else.
const wantedOf = (part, isPrompt, without) => {
  if (part.type === "text") return without.has(isPrompt ? "prompts" : "outputs") ? undefined : part
  if (part.type !== "tool" || !without.size) return part
  const { input = {}, metadata = {}, ...state } = part.state
  const left = (from, kinds) => {
    const names = Object.entries(kinds).filter(([kind]) => without.has(kind)).flatMap(([, names]) => names)
    return Object.fromEntries(Object.entries(from).filter(([name]) => !names.includes(name)))
  }
  const ofInput = { prompts: ["prompt"], diffs: ["oldString", "newString", "content", "patchText"] }
  const ofMetadata = { outputs: ["output", "preview"], diffs: ["diff", "filediff", "files"] }
  const rest = left(state, { outputs: ["output", "error", "title"] })
  return { ...part, state: { ...rest, input: left(input, ofInput), metadata: left(metadata, ofMetadata) } }
}

// A title tells what was asked, and is told by itself.
const named = (info, isTitle) => info && { id: info.id, parentID: info.parentID, time: info.time, title: isTitle ? info.title : undefined }

// A session is called by its time until the model has a name for it.
const isNewTitle = (info, titles) => {
  if (!info?.title || /^(New|Child) session - /.test(info.title) || titles.get(info.id) === info.title) return false
  if (titles.size >= OPEN_MAX) titles.clear()
  titles.set(info.id, info.title)
  return true
}

// What of the agent (opencode's word for a mode) and the model of a session's prompts is another than in the one before.
const switched = ({ sessionID, agent, model }, chosen) => {
  const [before, now] = [chosen.get(sessionID) ?? {}, { mode: agent, model: model?.modelID }]
  if (chosen.size >= OPEN_MAX) chosen.clear()
  chosen.set(sessionID, now)
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => value && before[name] && value !== before[name]))
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

// A signal that nobody here waits for ends the process without a word: what is told of it is told before. Once a process, however
// many plugins of this kind it has, since each would take the others for somebody who waits.
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"]
const KEY = Symbol.for("ai-coder-events.feeds")

const tellSignals = (feed) => {
  if (!isMainThread) return
  if (process[KEY]) return process[KEY].add(feed)
  process[KEY] = new Set([feed])
  for (const signal of SIGNALS) {
    const leave = () => {
      if (process.listenerCount(signal) > 1) return
      for (const feed of process[KEY]) feed.end(signal)
      process.off(signal, leave)
      process.kill(process.pid, signal)
    }
    process.on(signal, leave)
  }
}

// A file of this load's own; `undefined` where none can be had.
const openFeed = () => {
  if (!folder) return undefined
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (readdirSync(folder).length >= FILES_MAX) return undefined
    const name = `opencode-${process.pid}-${Date.now().toString(36)}-${opened++}.jsonl`
    const file = openSync(`${folder}/${name}`, "ax", 0o600)
    let [seq, isBroken, isOver] = [0, false, false]
    const write = (line) => {
      const text = `${isBroken ? "\n" : ""}${JSON.stringify({ seq: seq++, at: Date.now(), ...line })}\n`
      isBroken = writeSync(file, text) < Buffer.byteLength(text)
    }
    write({ type: "feed.begun", process: identity(), parent: process.env.AI_CODER_ID })
    const end = (signal) => {
      try {
        if (isOver) return
        isOver = true
        write({ type: "feed.ended", signal })
        closeSync(file)
      } catch {
        // The end of the process tells the same.
      }
    }
    const feed = { write: (line) => isOver || write(line), end }
    tellSignals(feed)
    return feed
  } catch {
    return undefined
  }
}

export const AiCoderEvents = async ({ directory }) => {
  const models = new Map()
  // How much context models have room for.
  const windows = new Map()
  const open = new Set()
  const titles = new Map()
  const chosen = new Map()
  // Messages of the person, and sessions that another session began.
  const [asked, children] = [new Set(), new Set()]
  // When sessions began that were made here, and messages that are older than theirs: a clone's, which its origin told.
  const [begun, copied] = [new Map(), new Set()]
  const without = unwanted()
  const feed = openFeed()
  const tell = (payload) => (feed ? feed.write(payload) : call(payload))
  // Tells nothing of its own: what it writes down is that there is something to read.
  if (feed) call({ type: "server.connected" })
  return {
    event: async ({ event }) => {
      try {
        const { id, type, properties } = event
        if (type === "message.updated" && properties.info?.modelID) {
          const { sessionID, providerID, modelID } = properties.info
          models.set(sessionID, { providerID, modelID, contextWindow: windows.get(`${providerID}/${modelID}`) })
        }
        if (type === "message.updated" && properties.info?.role === "user") remember(asked, properties.info.id)
        if (type === "session.created" && properties.info?.parentID) remember(children, properties.info.id)
        if (type === "session.created") {
          if (begun.size >= OPEN_MAX) begun.clear()
          begun.set(properties.info?.id, properties.info?.time?.created)
        }
        if (type === "message.updated" && properties.info?.time?.created < begun.get(properties.info.sessionID)) {
          remember(copied, properties.info.id)
        }
        if (type === "message.updated" && properties.info?.role === "user" && !copied.has(properties.info.id)) {
          const { sessionID } = properties.info
          const changes = switched(properties.info, chosen)
          const model = models.get(sessionID)
          if (Object.keys(changes).length) tell({ id, type: "session.switched", directory, model, properties: { sessionID, ...changes } })
        }
        const part = properties.part
        if (part && copied.has(part.messageID)) return
        const isPrompt = type === "message.part.updated" && part.type === "text" && asked.has(part.messageID) && !part.synthetic
        const isTitle = type === "session.updated" && !without.has("prompts") && isNewTitle(properties.info, titles)
        if (isPrompt || isTitle || (type === "message.part.updated" ? isTelling(part, open) : wanted.has(type))) {
          const session = properties.sessionID ?? part?.sessionID
          const more = isPrompt ? { role: "user", child: children.has(session) } : {}
          const left = { ...properties, info: named(properties.info, isTitle), part: part && wantedOf(part, isPrompt, without) }
          if (!part || left.part) tell({ id, type, directory, model: models.get(session), ...more, properties: left })
          if (type === "session.deleted") models.delete(session)
        }
      } catch {
        // Whatever happens here, opencode goes on.
      }
    },
    // Of the call that makes up a title nothing else tells, nor of the room in a context.
    "chat.params": async ({ sessionID, agent, model, message }) => {
      try {
        windows.set(`${model?.providerID}/${model?.id}`, model?.limit?.context)
        if (agent !== "title") return
        const asked = { providerID: model?.providerID, modelID: model?.id }
        tell({ id: message?.id, type: "chat.params", directory, model: asked, properties: { sessionID, agent } })
      } catch {
        // As above.
      }
    },
    dispose: async () => feed?.end(),
  }
}
