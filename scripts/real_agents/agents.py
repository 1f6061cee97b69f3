"""The agents: which versions, how each is configured for the mock provider, started, and which of its tools does what.

An agent gets what a person would have given it, a key and a provider, and `ai-coder-events setup AGENT`. Nothing else.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .provider import URL

FOLDER = Path(os.environ.get("AGENTS_DIR") or Path.home() / ".cache/real-agents")


@dataclass
class Version:
    number: str
    package: str
    program: str  # below the version's folder

    def folder(self, agent):
        return FOLDER / f"{agent}-{self.number}"

    def path(self, agent):
        return self.folder(agent) / "node_modules" / self.program


CLAUDE = ("@anthropic-ai/claude-code-linux-x64", "@anthropic-ai/claude-code-linux-x64/claude")
CODEX = ("@openai/codex", "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex")
OPENCODE = ("opencode-linux-x64", "opencode-linux-x64/bin/opencode")

# The one place to follow new versions: the pinned one first, the newest last.
VERSIONS = {
    "claude": [Version("2.1.330", *CLAUDE), Version("2.1.332", *CLAUDE)],
    "codex": [Version("0.169.0", *CODEX), Version("0.171.0", *CODEX)],
    "gemini": [Version("0.61.0", "@google/gemini-cli", "@google/gemini-cli/bundle/gemini.js")],
    "opencode": [Version("1.18.33", *OPENCODE), Version("1.18.34", *OPENCODE)],
    "copilot": [Version("1.0.102", "@github/copilot-linux-x64", "@github/copilot-linux-x64/copilot")],
}


def install(agent, version):
    """By npm, without running what packages would run. The only thing here that touches the network."""
    folder = version.folder(agent)
    if version.path(agent).exists():
        return print(f"{agent} {version.number} is there")
    npm_install(folder, f"{version.package}@{version.number}")
    if agent == "opencode":
        npm_install(folder / "plugin", OPENCODE_PLUGIN)


def npm_install(folder, package):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    subprocess.run(["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", package],
                   check=True)


@dataclass
class Agent:
    name: str
    target: str  # its name for `setup`, and the source of its events
    configure: Callable  # (home, work, folder of the version): writes what a person would have
    environment: Callable  # (home) → its variables
    command: Callable  # (program, prompt, how, before) → argv; how: None, "continue", "fork"; before: last output
    terminal: Callable  # (program) → argv for a person at a terminal
    quit: str  # what a person types to end it
    tool: Callable  # (step) → (tool's name, arguments)
    cost: Callable = lambda lab: None  # what the agent itself says that its runs cost
    delegates: tuple = ("delegate",)  # what the model does to have a subagent work, and to hear of its end
    full: int = 90000  # tokens read that fill its context
    escapes: int = 1  # how often Esc is pressed to break off a turn
    reads_by_shell: bool = False  # whether it has no tool of its own to read a file
    reports: bool = False  # whether a subagent ends by a tool, not by its last words
    compacts: Callable | None = None  # (lab): has the session summed up; None where no headless way is known


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def lines(path):
    """The JSON lines of an agent's output; whatever else it prints is left out."""
    for line in path.read_text(errors="replace").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


# Claude Code


def claude_configure(home, work, folder):
    trusted = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True, "allowedTools": []}
    write(home / ".claude.json", json.dumps({"hasCompletedOnboarding": True, "theme": "dark", "bypassPermissionsModeAccepted": True,
        "customApiKeyResponses": {"approved": ["dummy"], "rejected": []}, "projects": {str(work): trusted}}))


def claude_command(program, prompt, how, before):
    known = {None: [], "continue": ["--continue"], "fork": ["--continue", "--fork-session"]}[how]
    return [program, "-p", prompt, *known, "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"]


def claude_tool(step):
    match step["do"]:
        case "write":
            return "Write", {"file_path": step["path"], "content": step["content"]}
        case "read":
            return "Read", {"file_path": step["path"]}
        case "edit":
            return "Edit", {"file_path": step["path"], "old_string": step["old"], "new_string": step["new"]}
        case "shell":
            return "Bash", {"command": step["command"], "description": "Run it"}
        case "delegate":
            return "Agent", {"description": "Delegate", "prompt": step["prompt"], "subagent_type": "general-purpose",
                             "run_in_background": False}


def claude_cost(lab):
    """What the last process of each session told at its end; one that goes on or forks begins with the sum before it."""
    if lab.typed:
        return claude_cost_state(lab.home)
    sums = []
    for process in lab.processes:
        told = [line["total_cost_usd"] for line in lines(process.output) if line.get("type") == "result"]
        if not told:
            return None
        if process.how:
            sums.pop()
        sums.append(told[-1])
    return sum(sums)


def claude_cost_state(home):
    """The last figure in Claude's own record of a session, which it writes there at the end."""
    records = home.glob(".claude/projects/*/*.jsonl")
    costs = [line["totalCostUSD"] for record in records for line in lines(record) if line.get("type") == "cost-state"]
    return costs[-1] if costs else None


def claude_compacts(lab):
    lab.run("/compact", "continue")


# Codex


def codex_configure(home, work, folder):
    write(home / ".codex/config.toml", f"""model = "gpt-5.5"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
model_auto_compact_token_limit = 60000

[model_providers.mock]
name = "Mock"
base_url = "{URL}/v1"
wire_api = "responses"
request_max_retries = 2
stream_max_retries = 2

[projects."{work}"]
trust_level = "trusted"

# Or it asks at a terminal whether a newer model is wanted.
[notice.model_migrations]
"gpt-5.5" = "gpt-6-sol"
""")


def codex_command(program, prompt, how, before):
    session = how == "fork" and next(line["thread_id"] for line in lines(before) if line.get("type") == "thread.started")
    known = {None: [], "continue": ["resume", "--last"], "fork": ["fork", session]}[how]
    options = ["--json", "--skip-git-repo-check", "--dangerously-bypass-hook-trust"]
    return [program, "exec", *options, *known, prompt]


AGENTS_OF_CODEX = "multi_agent_v1/"  # the namespace of those tools
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def codex_tool(step):
    def patch(*body):
        return "apply_patch", "\n".join(["*** Begin Patch", *body, "*** End Patch", ""])

    match step["do"]:
        case "write":
            return patch(f"*** Add File: {step['path']}", *(f"+{line}" for line in step["content"].splitlines()))
        case "read":
            return "exec_command", {"cmd": f"cat {step['path']}"}
        case "edit":
            return patch(f"*** Update File: {step['path']}", "@@", f"-{step['old']}", f"+{step['new']}")
        case "shell":
            return "exec_command", {"cmd": step["command"]}
        case "delegate":
            return AGENTS_OF_CODEX + "spawn_agent", {"message": step["prompt"]}
        case "wait":
            return AGENTS_OF_CODEX + "wait_agent", {"targets": UUID.findall(step["result"]), "timeout_ms": 60000}


# Gemini CLI


def gemini_configure(home, work, folder):
    write(home / ".gemini/settings.json", json.dumps({
        "general": {"enableAutoUpdate": False},
        "model": {"compressionThreshold": 0.05},  # of a million tokens
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
    }))


def gemini_command(program, prompt, how, before):
    known = {None: [], "continue": ["--resume", "latest"]}[how]
    return ["node", program, "-m", "gemini-2.5-flash", "-y", *known, "-p", prompt, "--output-format", "stream-json"]


def gemini_tool(step):
    match step["do"]:
        case "write":
            return "write_file", {"file_path": step["path"], "content": step["content"]}
        case "read":
            return "read_file", {"file_path": step["path"]}
        case "edit":
            return "replace", {"file_path": step["path"], "old_string": step["old"], "new_string": step["new"],
                               "instruction": "Change it"}
        case "shell":
            return "run_shell_command", {"command": step["command"], "description": "Run it"}
        case "delegate":
            return "invoke_agent", {"agent_name": "generalist", "prompt": step["prompt"]}
        case "report":
            return "complete_task", {"result": {"response": "All done."}}


# opencode

# What opencode installs by itself at its first start with a plugin; offline, it waits more than a minute for it.
OPENCODE_PLUGIN = "@opencode-ai/plugin"
PRICE = {"input": 1, "output": 2, "cache_read": 0.1, "cache_write": 1}  # dollars a million tokens, as configured below


def opencode_configure(home, work, folder):
    model = {"name": "Mock", "cost": PRICE, "limit": {"context": 100000, "output": 8000}, "tool_call": True}
    write(home / ".config/opencode/opencode.json", json.dumps({
        "$schema": "https://opencode.ai/config.json", "autoupdate": False, "share": "disabled", "model": "mock/mock-model",
        "small_model": "mock/mock-model", "permission": {"*": "allow"},
        "provider": {"mock": {"npm": "@ai-sdk/openai-compatible", "name": "Mock", "options": {"baseURL": URL + "/v1", "apiKey": "dummy"},
                              "models": {"mock-model": model}}}}))
    if (folder / "plugin").exists():
        shutil.copytree(folder / "plugin", home / ".config/opencode", symlinks=True, dirs_exist_ok=True)


def opencode_command(program, prompt, how, before):
    known = {None: [], "continue": ["--continue"], "fork": ["--continue", "--fork"]}[how]
    return [program, "run", "--format", "json", *known, prompt]


def opencode_cost(lab):
    """By the prices of its configuration, which opencode multiplies itself."""
    told = [entry for entry in lab.provider.ledger if entry["outcome"] == "told"]
    return sum(entry[kind] * PRICE[kind] for entry in told for kind in PRICE) / 1_000_000


def opencode_tool(step):
    match step["do"]:
        case "write":
            return "write", {"filePath": step["path"], "content": step["content"]}
        case "read":
            return "read", {"filePath": step["path"]}
        case "edit":
            return "edit", {"filePath": step["path"], "oldString": step["old"], "newString": step["new"]}
        case "shell":
            return "bash", {"command": step["command"], "description": "Run it"}
        case "delegate":
            return "task", {"description": "Delegate", "prompt": step["prompt"], "subagent_type": "general"}


# Copilot CLI


def copilot_configure(home, work, folder):
    write(home / ".copilot/config.json", json.dumps({"trusted_folders": [str(work)], "banner": "never"}))


def copilot_command(program, prompt, how, before):
    known = {None: [], "continue": ["--continue"]}[how]
    return [program, "-p", prompt, *known, "--allow-all-tools", "--output-format", "json"]


def copilot_tool(step):
    match step["do"]:
        case "write":
            return "create", {"path": step["path"], "file_text": step["content"]}
        case "read":
            return "view", {"path": step["path"]}
        case "edit":
            return "edit", {"path": step["path"], "old_str": step["old"], "new_str": step["new"]}
        case "shell":
            return "bash", {"command": step["command"], "description": "Run it"}
        case "delegate":
            return "task", {"description": "Delegate", "prompt": step["prompt"], "agent_type": "general-purpose", "mode": "sync",
                            "name": "delegate"}


def fills_context(lab):
    """The answer to the first prompt says that the context is nearly full, so the next turn begins with a summary."""
    lab.run("Fill it. [[full]]", "continue")


AGENTS = {
    agent.name: agent
    for agent in [
        Agent(
            "claude", "claude-code", claude_configure,
            lambda home: {"IS_SANDBOX": "1", "ANTHROPIC_BASE_URL": URL, "ANTHROPIC_API_KEY": "dummy", "DISABLE_AUTOUPDATER": "1"},
            claude_command, lambda program: [program, "--dangerously-skip-permissions"], "/exit", claude_tool,
            cost=claude_cost, compacts=claude_compacts),
        Agent(
            "codex", "codex", codex_configure, lambda home: {"CODEX_HOME": str(home / ".codex")},
            codex_command, lambda program: [program, "--dangerously-bypass-hook-trust"], "/quit", codex_tool,
            delegates=("delegate", "wait"), reads_by_shell=True, compacts=fills_context),
        Agent(
            "gemini", "gemini", gemini_configure,
            lambda home: {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": URL, "GEMINI_CLI_TRUST_WORKSPACE": "true",
                          "NO_BROWSER": "1"},
            gemini_command, lambda program: ["node", program, "-m", "gemini-2.5-flash", "-y"], "/quit", gemini_tool,
            reports=True, compacts=fills_context),
        Agent(
            "opencode", "opencode", opencode_configure,
            lambda home: {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"},
            opencode_command, lambda program: [program], "/exit", opencode_tool,
            cost=opencode_cost, escapes=2, compacts=fills_context),
        Agent(
            "copilot", "copilot", copilot_configure,
            lambda home: {"COPILOT_OFFLINE": "true", "COPILOT_AUTO_UPDATE": "false", "COPILOT_PROVIDER_BASE_URL": URL + "/v1",
                          "COPILOT_PROVIDER_TYPE": "openai", "COPILOT_PROVIDER_API_KEY": "dummy", "COPILOT_MODEL": "gpt-5-mini",
                          "COPILOT_PROVIDER_MODEL_ID": "gpt-5-mini"},
            copilot_command, lambda program: [program, "--allow-all-tools"], "/exit", copilot_tool,
            escapes=2, compacts=fills_context, full=250000),
    ]
}
