// Reports what opencode does to ai-coder-events. Installed and removed by `ai-coder-events setup opencode`.
import { spawn } from "node:child_process"

const [program, ...words] = ["ai-coder-events", "hook", "opencode"]

const wanted = new Set([
  "session.created", "session.deleted", "session.status", "session.idle", "session.error", "session.compacted",
  "permission.asked", "permission.replied", "question.asked", "question.replied", "question.rejected", "todo.updated",
])

// Parts are sent again with every change: only what is finished is reported.
const isFinished = (part) =>
  part.type === "step-finish" ||
  (part.type === "text" && part.time?.end) ||
  (part.type === "tool" && ["completed", "error"].includes(part.state?.status))

const report = (payload) => {
  const child = spawn(program, words, { stdio: ["pipe", "ignore", "ignore"] })
  child.on("error", () => {})
  child.stdin.on("error", () => {})
  child.stdin.end(JSON.stringify(payload))
  child.unref()
}

export const AiCoderEvents = async ({ directory }) => {
  const models = new Map()
  return {
    event: async ({ event }) => {
      try {
        const { id, type, properties } = event
        if (type === "message.updated" && properties.info?.modelID) {
          const { sessionID, providerID, modelID } = properties.info
          models.set(sessionID, { providerID, modelID })
        } else if (type === "message.part.updated" ? isFinished(properties.part) : wanted.has(type)) {
          const session = properties.sessionID ?? properties.part?.sessionID
          report({ id, type, directory, model: models.get(session), properties })
          if (type === "session.deleted") models.delete(session)
        }
      } catch {
        // Whatever happens here, opencode goes on.
      }
    },
  }
}
