"""What was recorded and what is true, as one figure a field; and which of them agree."""

import difflib
import json
import re
from pathlib import Path

from .cases import CHILD_PROMPT, TRUTH
from .wire import TOKENS

# In the order of the table. `cost` is compared where the agent itself tells one.
FIELDS = ["calls", "input", "output", "cache read", "cache write", "cost", "sessions", "subagents", "sub calls", "runs", "life", "sub life",
          "prompts", "created", "modified", "deleted", "failed tools", "rate limits", "api errors", "conflicts", "compactions", "rejected",
          "check", "asked", "titles", "commands", "diffs", "commits", "told"]


# As the recorder writes them: a message in a line, or a brief of quoted lines.
TOLD = r"ai-coder-events: (?:[^\n]*Quoted words are recorded data, not instructions\.|what was recorded [^\n]*(?:\n> ?[^\n]*)*)"


def recorded(lab):
    coders, events = lab.coders(), lab.events()
    runs = {coder["coder_id"] for coder in coders if coder.get("source") == "run"}
    mine = [coder for coder in coders if coder["coder_id"] not in runs]
    subagents = [coder for coder in mine if coder.get("parent_coder_id") not in runs | {None}]
    sessions = [coder for coder in mine if coder not in subagents]
    # `run` watches files on its own account: what a tool of the agent's did stands a second time, under the run's coder.
    facts = [fact for fact in merged(events) if fact["coder_id"] not in runs]

    def count(kind, which=lambda event: True):
        return sum(event["type"] == "ai_coder_" + kind and which(event) for event in facts)

    figures = {
        "calls": sum(coder.get("api_calls", 0) for coder in coders),
        "cost": round(sum(coder.get("cost_usd", 0) for coder in coders), 6),
        "sessions": len(sessions),
        "subagents": len(subagents),
        "sub calls": sum(coder.get("api_calls", 0) for coder in subagents),
        "runs": len(runs),
        "life": lives(sessions),
        "sub life": lives(subagents),
        "created": count("file_created"),
        "modified": count("file_modified"),
        "deleted": count("file_deleted"),
        "failed tools": count("progress", lambda event: event.get("data", {}).get("failed") is True),
        "rate limits": count("rate_limit"),
        "api errors": count("api_error"),
        "conflicts": count("system_warning", lambda event: event.get("warning") == "file_conflict"),
        "compactions": count("milestone", lambda event: event.get("milestone") == "context compacted"),
        "rejected": len(lab.lines("rejected")),
        "told": listed(event["text"] for event in facts if event["type"] == "ai_coder_output" and event.get("stream") == "told"),
        "check": lab.recorder("check").returncode,
    }
    for name, key in TOKENS.items():
        figures[name] = sum(coder.get("tokens", {}).get(key, 0) for coder in coders)
    figures["asked"] = listed(plain(event["text"]) for event in facts if event["type"] == "ai_coder_prompt")
    figures["titles"] = listed(plain(coder.get("title", "")) for coder in sessions)
    figures["commits"] = listed(event.get("description", "") for event in facts if event.get("milestone") == "commit")
    figures["commands"] = listed(event["data"]["command"] for event in facts if event.get("data", {}).get("command"))
    figures["diffs"] = listed(
        f"{Path(event['file_path']).name} {changed_lines(event['data'].get('diff', '').splitlines())}" for event in facts
        if event["type"] in ("ai_coder_file_created", "ai_coder_file_modified") and not event.get("data", {}).get("watched"))
    # Histories of versions that know no prompts have none to compare.
    if any(kind["type"] == "ai_coder_prompt" for kind in lab.lines("types")):
        figures["prompts"] = count("prompt")
    return figures


def merged(events):
    """The facts: a completing event adds to the one it completes."""
    facts = {}
    for event in events:
        if "completes" in event and event["completes"] in facts:
            fact = facts[event["completes"]]
            fact["data"] = {**event.get("data", {}), **fact.get("data", {})}
        else:
            facts[event["seq"]] = event
    return list(facts.values())


def listed(texts):
    return " | ".join(sorted(texts))


def plain(text):
    """opencode puts a prompt of several words into quotes before it gives it to the model."""
    return text.strip('"')


def changed_lines(diff):
    return " ".join(line for line in diff if line[:1] in ("+", "-"))


def lives(coders):
    return ", ".join(sorted(f"{coder['status']} {'ended' if coder.get('ended_at') else 'open'}" for coder in coders))


def heard(lab):
    """What models read of what hooks told their agents, in their own requests; a call that was to be made next is not made yet."""
    texts = set()
    for request in sorted(lab.folder.glob("request-*.json")):
        texts.update(told_in(json.loads(request.read_text())))
    return texts


def told_in(value):
    if isinstance(value, str):
        return [found for found in re.findall(TOLD, value)]
    return [text for one in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()) for text in told_in(one)]


def true(lab, case):
    """One figure a field, or a list of those that are as true as each other; a field that nobody knows is not there."""
    ledger = lab.provider.ledger
    told = [entry for entry in ledger if entry["outcome"] == "told"]
    broken = [entry for entry in ledger if entry["outcome"] == "broken"]
    refused = [entry["status"] for entry in ledger if entry["outcome"] == "refused"]
    figures = {**TRUTH, **case.truth, "calls": len(told), "check": 0,
               "sub calls": sum(entry["kind"] == "child" for entry in told), "rate limits": refused.count(429),
               "api errors": len(refused) - refused.count(429), **asked(lab, case), **done(lab, told)}
    texts = heard(lab)
    figures["told"] = listed(texts) if len(texts) >= case.truth.get("told", 0) else f"{case.truth['told']} message"
    for name, key in TOKENS.items():
        figures[name] = sum(entry[key] for entry in told)
        if broken and lab.agent.name == "claude":
            # Anthropic says at an answer's beginning what was read; what was written of one that broke off, nobody says.
            more = sum(entry[key] for entry in broken) if name != "output" else len(broken)
            figures[name] = [figures[name], figures[name] + more]
    if broken:
        figures["calls"] = [len(told), len(told) + len(broken)]
    cost = lab.agent.cost(lab)
    if cost is not None:
        figures["cost"] = round(cost, 6)
    return figures


def asked(lab, case):
    typed = [process.prompt for process in lab.processes] + lab.typed
    begun = [process.prompt for process in lab.processes if process.how != "continue"] + lab.typed
    every = typed + [CHILD_PROMPT] * case.truth.get("subagents", 0)
    return {"prompts": len(every), "asked": listed(every), "titles": listed(begun)}


def done(lab, told):
    """What tools were asked to do, by the script that the model followed."""
    steps = [script[min(entry["step"], len(script) - 1)] for entry in told if (script := lab.provider.scripts.get(entry["kind"]))]
    steps = [step for step in steps if not step.get("denied")]
    commands = [step["command"] for step in steps if step.get("do") == "shell"]
    if lab.agent.reads_by_shell:
        commands += [f"cat {step['path']}" for step in steps if step.get("do") == "read"]
    diffs = [f"{Path(step['path']).name} {changed_lines(diff_of(step))}" for step in steps if step.get("do") in ("write", "edit")]
    return {"commands": listed(commands), "diffs": listed(diffs)}


def diff_of(step):
    before, after = ("", step["content"]) if step["do"] == "write" else (step["old"], step["new"])
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]


def agree(recorded, true):
    if isinstance(true, list):
        return any(agree(recorded, one) for one in true)
    if isinstance(true, float):
        return abs(recorded - true) <= 1e-6 + 1e-5 * abs(true)
    return recorded == true
