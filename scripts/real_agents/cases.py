"""The cases: what the model does in each, how the agent is started, and what is true afterwards.

What the provider knows (calls, tokens, refusals) is true by its ledger; what happens to files, lives and prompts follows from
the script of the case and stands beside it here.
"""

import signal
from dataclasses import dataclass, field
from typing import Callable

from .watch import wait_for

DONE = {"say": "All done."}
CHILD_PROMPT = "You help. [[child]]"
TOOL_SECONDS = 90


def shell(command, **more):
    return {"do": "shell", "command": command, **more}


def write(work, name, content, **more):
    return {"do": "write", "path": str(work / name), "content": content, **more}


def edit(work, name, old, new, **more):
    return {"do": "edit", "path": str(work / name), "old": old, "new": new, **more}


def read(work, name, **more):
    return {"do": "read", "path": str(work / name), **more}


@dataclass
class Case:
    name: str
    scripts: Callable  # (lab) → {name: steps}
    play: Callable  # (lab)
    truth: dict = field(default_factory=dict)  # what differs from `TRUTH`
    refusals: tuple = ()
    for_good: bool = False
    at_terminal: bool = False
    setup: tuple = ()  # what `setup` is asked for besides
    lacks: dict = field(default_factory=dict)  # agent → why it cannot


# One session, which ends well.
TRUTH = {"sessions": 1, "subagents": 0, "life": "completed ended", "sub life": "", "runs": 0, "created": 0, "modified": 0, "deleted": 0,
         "failed tools": 0, "conflicts": 0, "compactions": 0, "commits": "", "rejected": 0, "told": 0}


def plain_steps(work):
    return [
        write(work, "a.txt", "one\ntwo\n"),
        edit(work, "a.txt", "one", "three"),
        shell("exit 3"),
        shell("sed -i s/two/four/ a.txt && rm old.txt"),
        DONE,
    ]


PLAIN = {"created": 1, "modified": 2, "deleted": 1, "failed tools": 1}


def play_plain(lab):
    lab.run("Do it. [[plain]]")


def commit_steps(work):
    author = "-c user.name=a -c user.email=a@example.org"
    return [write(work, "b.txt", "two\n"), shell(f"git add b.txt && git {author} commit -qm 'Add b'"), DONE]


def play_commit(lab):
    lab.run("Commit it. [[commit]]")


def play_subagent(lab):
    lab.run("Delegate it. [[lead]]")


def lead_steps(agent):
    return [*({"do": step, "prompt": CHILD_PROMPT} for step in agent.delegates), DONE]


def child_steps(lab):
    return [write(lab.work, "c.txt", "child\n"), {"do": "report"} if lab.agent.reports else DONE]


def play_continue(lab):
    lab.run("Begin. [[first]]")
    lab.run("Go on. [[second]]", "continue")


def play_fork(lab):
    lab.run("Begin. [[first]]")
    lab.run("Go another way. [[second]]", "fork")


def two_prompts(lab):
    work = lab.work
    return {"first": [write(work, "a.txt", "one\n"), DONE], "second": [write(work, "b.txt", "two\n"), DONE]}


def full_steps(agent):
    """Says that the context is full. Copilot sums up beside its work, and gives up when that ends first."""
    return [shell("true", input=agent.full), shell("sleep 2"), DONE]


def play_compact(lab):
    lab.run("Begin. [[first]]")
    lab.agent.compacts(lab)
    lab.run("Go on. [[second]]", "continue")


def play_interrupt(lab):
    agent = lab.spawn("Talk. [[slow]]")
    if lab.provider.wait_until_slow(TOOL_SECONDS):
        agent.signal(signal.SIGINT)
    lab.finish(agent, 30)


def long_steps(lab):
    # Two seconds into the tool: what an agent writes and exports of a call before it, it has written then.
    return [write(lab.work, "a.txt", "one\n"), shell(f"sleep 2; touch {lab.folder}/at-work; sleep 300"), DONE]


def play_killed(lab):
    agent = lab.spawn("Take long. [[long]]")
    wait_for(lambda: (lab.folder / "at-work").exists(), TOOL_SECONDS)
    agent.signal(signal.SIGKILL)
    lab.finish(agent)


def play_twice(lab):
    both = [lab.spawn("Do it. [[one]]"), lab.spawn("Do it. [[other]]")]
    for agent in both:
        lab.finish(agent)


def twice_steps(lab):
    """One edits the file while the other looks on, then the other does; both live until both have done so."""
    work = lab.work
    return {
        "one": [read(work, "shared.txt", meet="begin"), edit(work, "shared.txt", "first line", "line one"), shell("true", meet="turn"),
                {"say": "All done.", "meet": "end"}],
        "other": [shell("true", meet="begin"), read(work, "shared.txt", meet="turn"), edit(work, "shared.txt", "second line", "line two"),
                  {"say": "All done.", "meet": "end"}],
    }


def guarded_steps(lab):
    """The other has looked at the file before it was changed: it may not change it, and tries again."""
    work = lab.work
    change = edit(work, "shared.txt", "second line", "line two")
    return {
        "one": [shell("true", meet="begin"), shell("sleep 2"), edit(work, "shared.txt", "first line", "line one"), shell("true", meet="turn"),
                {"say": "All done.", "meet": "end"}],
        "other": [read(work, "shared.txt", meet="begin"), {**change, "new": "line 2", "meet": "turn", "denied": True}, change,
                  {"say": "All done.", "meet": "end"}],
    }


def shells_steps(lab):
    """The same by their shells, which no tool tells of: what the keeper sees is known some seconds later, to coders that live."""
    return {
        "one": [shell("true", meet="begin"), shell("sed -i s/first/1st/ shared.txt"), shell("true", meet="turn"),
                shell("sleep 5"), {"say": "All done.", "meet": "end"}],
        "other": [shell("true", meet="begin"), shell("true", meet="turn"), shell("sed -i s/second/2nd/ shared.txt && mv old.txt new.txt"),
                  {"say": "All done.", "meet": "end"}],
    }


def play_in_run(lab):
    lab.run("Do it. [[plain]]", wrap=(lab.program, "run", "--"))


def play_terminal(lab):
    """A person's session: the calls that agents make only there, a title above all, are part of it."""
    terminal = asked(lab, "Do it. [[plain]]")
    wait_for(lambda: lab.provider.has_said("All done."), TOOL_SECONDS)
    terminal.settle()
    terminal.enter(lab.agent.quit)
    terminal.ended(30)


def play_escape(lab):
    """The turn is broken off, and looked at while the agent waits for what comes next."""
    terminal = asked(lab, "Talk. [[slow]]")
    lab.provider.wait_until_slow(TOOL_SECONDS)
    for _ in range(lab.agent.escapes):
        terminal.key("Escape")
    wait_for(lab.provider.is_idle, 30)


def asked(lab, prompt):
    terminal = lab.open_terminal()
    lab.typed.append(prompt)
    terminal.enter(prompt)
    return terminal


NO_FORK = "has no headless fork"

CASES = {
    case.name: case
    for case in [
        Case("plain", lambda lab: {"plain": plain_steps(lab.work)}, play_plain, PLAIN),
        Case("limit", lambda lab: {"plain": plain_steps(lab.work)}, play_plain, PLAIN, refusals=(429,)),
        Case("refused", lambda lab: {"plain": plain_steps(lab.work)}, play_plain, {"life": "failed ended"}, refusals=(400,), for_good=True),
        Case("commit", lambda lab: {"commit": commit_steps(lab.work)}, play_commit, {"created": 1, "commits": "Add b"}),
        Case("subagent", lambda lab: {"lead": lead_steps(lab.agent), "child": child_steps(lab)}, play_subagent,
             {"subagents": 1, "sub life": "completed ended", "created": 1}),
        Case("continue", two_prompts, play_continue, {"created": 2}),
        Case("fork", two_prompts, play_fork, {"created": 2, "sessions": 2, "life": "completed ended, completed ended"},
             lacks={"gemini": NO_FORK, "copilot": NO_FORK}),
        Case("compact", lambda lab: {**two_prompts(lab), "full": full_steps(lab.agent)}, play_compact,
             {"created": 2, "compactions": 1}),
        Case("interrupt", lambda lab: {"slow": [shell("true"), {"say": "Word by word.", "slow": True}]}, play_interrupt,
             {"life": "stopped ended"}),
        Case("killed", lambda lab: {"long": long_steps(lab)}, play_killed, {"life": "failed ended", "created": 1}),
        Case("twice", twice_steps, play_twice,
             {"sessions": 2, "life": "completed ended, completed ended", "modified": 2, "conflicts": 1}),
        Case("told", twice_steps, play_twice,
             {"sessions": 2, "life": "completed ended, completed ended", "modified": 2, "conflicts": 1, "told": 1},
             setup=("--tell",), lacks={"opencode": "takes nothing from its hooks"}),
        Case("guarded", guarded_steps, play_twice,
             {"sessions": 2, "life": "completed ended, completed ended", "modified": 2, "conflicts": 1, "failed tools": [0, 1], "told": 1},
             setup=("--tell", "guard"),
             lacks={"claude": "refuses by itself to edit what was changed since it read it", "opencode": "takes nothing from its hooks"}),
        Case("reminded", lambda lab: {**two_prompts(lab), "full": full_steps(lab.agent)}, play_compact,
             {"created": 2, "compactions": 1}, setup=("--tell",), lacks={"opencode": "takes nothing from its hooks"}),
        Case("shells", shells_steps, play_twice,
             {"sessions": 2, "life": "completed ended, completed ended", "created": 1, "modified": 2, "deleted": 1, "conflicts": 1}),
        Case("terminal", lambda lab: {"plain": plain_steps(lab.work)}, play_terminal, PLAIN, at_terminal=True),
        Case("escape", lambda lab: {"slow": [shell("true"), {"say": "Word by word.", "slow": True}]}, play_escape,
             {"life": "paused open"}, at_terminal=True),
        Case("in-run", lambda lab: {"plain": plain_steps(lab.work)}, play_in_run, {**PLAIN, "runs": 1}),
    ]
}
