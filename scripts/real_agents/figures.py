"""What was recorded and what is true, as one figure a field; and which of them agree."""

from .cases import TRUTH
from .wire import TOKENS

# In the order of the table. `cost` is compared where the agent itself tells one.
FIELDS = ["calls", "input", "output", "cache read", "cache write", "cost", "sessions", "subagents", "sub calls", "runs", "life", "sub life",
          "prompts", "created", "modified", "deleted", "failed tools", "rate limits", "api errors", "conflicts", "compactions", "rejected",
          "check"]


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
        "check": lab.recorder("check").returncode,
    }
    for name, key in TOKENS.items():
        figures[name] = sum(coder.get("tokens", {}).get(key, 0) for coder in coders)
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


def lives(coders):
    return ", ".join(sorted(f"{coder['status']} {'ended' if coder.get('ended_at') else 'open'}" for coder in coders))


def true(lab, case):
    """One figure a field, or a list of those that are as true as each other; a field that nobody knows is not there."""
    ledger = lab.provider.ledger
    told = [entry for entry in ledger if entry["outcome"] == "told"]
    broken = [entry for entry in ledger if entry["outcome"] == "broken"]
    refused = [entry["status"] for entry in ledger if entry["outcome"] == "refused"]
    figures = {**TRUTH, **case.truth, "calls": len(told), "check": 0,
               "sub calls": sum(entry["kind"] == "child" for entry in told), "rate limits": refused.count(429),
               "api errors": len(refused) - refused.count(429), "prompts": len(lab.processes) + lab.typed + case.truth.get("subagents", 0)}
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


def agree(recorded, true):
    if isinstance(true, list):
        return any(agree(recorded, one) for one in true)
    if isinstance(true, float):
        return abs(recorded - true) <= 1e-6 + 1e-5 * abs(true)
    return recorded == true
