"""What no channel of an agent tells, so that no recorder can know it after `setup` alone.

A line says what is known instead, to the figure: any other difference is an error still.
"""

from dataclasses import dataclass
from typing import Callable

from .agents import PRICE, claude_cost_state
from .wire import TOKENS


@dataclass
class Limit:
    agent: str
    case: str  # or `*`
    why: str
    knowable: Callable  # (lab) → {field: figure}


def told(lab):
    return [entry for entry in lab.provider.ledger if entry["outcome"] == "told"]


def opencode_figures(calls):
    figures = {name: sum(entry[key] for entry in calls) for name, key in TOKENS.items()}
    return {**figures, "cost": round(sum(entry[kind] * PRICE[kind] for entry in calls for kind in PRICE) / 1_000_000, 6)}


def without_titles(lab):
    return [entry for entry in told(lab) if entry["kind"] != "title"]


LIMITS = [
    Limit("claude", "refused", "Claude varies a refused request and asks again, as one attempt: telemetry and transcript tell one error",
          lambda lab: {"api errors": 1}),
    Limit("claude", "interrupt", "what an answer cost that broke off stands on stdout alone, not in telemetry, nor in the transcript's sum",
          lambda lab: {"cost": round(claude_cost_state(lab.home) or 0, 6)}),
    Limit("gemini", "refused", "Gemini leaves on it without exporting, without an end hook, and writes nothing of it into its chat file",
          lambda lab: {"api errors": 0}),
    Limit("opencode", "*", "opencode keeps no figures of the call for a session's title: no event, file or table has them",
          lambda lab: opencode_figures(without_titles(lab))),
    Limit("opencode", "killed", "nor those of the call whose tool is still at work: they are told when the tool has ended",
          lambda lab: {**opencode_figures(without_titles(lab)[:-1]), "calls": len(told(lab)) - 1}),
]


def knowable(lab, case):
    """field → (what can be known, why no more)."""
    found = {}
    for limit in LIMITS:
        if limit.agent == lab.agent.name and limit.case in ("*", case.name):
            found.update({field: (figure, limit.why) for field, figure in limit.knowable(lab).items()})
    return found
