"""The command: makes a namespace for each run, and a table of all."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import table
from .agents import AGENTS, VERSIONS, install
from .cases import CASES
from .figures import FIELDS, agree, recorded, true
from .lab import Lab
from .limits import knowable

ROOT = Path(__file__).resolve().parents[2]
TIMED = 3


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/real-agents",
        description="Runs the real coding agents offline, recorded by `setup` alone, against a mock provider, and compares.",
        epilog="`scripts/real-agents install` brings the agents, by npm, into $AGENTS_DIR (~/.cache/real-agents).")
    parser.add_argument("do", nargs="?", choices=["run", "install"], default="run")
    parser.add_argument("--agent", type=names(AGENTS), default=list(AGENTS), metavar="A,B", help=", ".join(AGENTS))
    parser.add_argument("--case", type=names(CASES), default=list(CASES), metavar="A,B", help=", ".join(CASES))
    parser.add_argument("--version", choices=["pinned", "newest", "both"], default="both")
    parser.add_argument("--program", type=Path, help="ai-coder-events, with ai-coder-events-hook beside it; default: the build here")
    parser.add_argument("--time", action="store_true", help=f"how long runs take with and without setup, {TIMED} each, in turn")
    parser.add_argument("--json", action="store_true", help="a JSON line a run")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave each run's home, requests, events and ledger there")
    parser.add_argument("--inside", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def names(known):
    def parse(text):
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"`{name}` is none of {', '.join(known)}")
        return chosen
    return parse


def main():
    options = arguments()
    if options.inside:
        return inside(options, *options.inside)
    chosen = [(agent, version) for agent in options.agent for version in versions(agent, options.version)]
    if options.do == "install":
        for agent, version in chosen:
            install(agent, version)
        return 0
    base = options.keep or Path(tempfile.mkdtemp(prefix="real-agents-"))
    base.mkdir(parents=True, exist_ok=True)
    try:
        options.program = copied_program(options.program, base)
        wrong = time_all(options, chosen, base) if options.time else compare_all(options, chosen, base)
    finally:
        if not options.keep:
            shutil.rmtree(base, ignore_errors=True)
    return 1 if wrong else 0


def versions(agent, which):
    of_agent = VERSIONS[agent]
    return {"pinned": of_agent[:1], "newest": of_agent[-1:], "both": of_agent}[which]


def copied_program(program, base):
    """A copy, so that a build in the meantime does not change what is tried."""
    built = [ROOT / "target" / kind / "ai-coder-events" for kind in ("debug", "release")]
    program = program or max((path for path in built if path.exists()), key=lambda path: path.stat().st_mtime, default=None)
    if program is None:
        sys.exit("nothing is built: run `cargo build --release`, or name a --program")
    folder = Path(tempfile.mkdtemp(prefix="program-", dir=base))
    for name in ("ai-coder-events", "ai-coder-events-hook"):
        shutil.copy2(program.resolve().parent / name, folder / name)
    return folder / "ai-coder-events"


# Outside the namespaces


def compare_all(options, chosen, base):
    if not options.json:
        print(table.heading(), flush=True)
    runs = []
    for agent, version in chosen:
        for case in options.case:
            run = compare_one(options, agent, version, case, base)
            runs.append(run)
            if options.json:
                print(json.dumps(run), flush=True)
            else:
                print(table.line(run), *table.differences(run), sep="\n", flush=True)
    errors = sum(len(run.get("errors", [])) for run in runs)
    if not options.json:
        print(*table.reasons(runs), f"{errors} errors", sep="\n")
    return errors


def compare_one(options, agent, version, case, base):
    run = {"agent": agent, "version": version.number, "case": case}
    missing = CASES[case].lacks.get(agent) or not_installed(agent, version) or no_terminal(case)
    if missing:
        return {**run, "skipped": missing}
    folder = base / f"{agent}-{version.number}-{case}"
    shutil.rmtree(folder, ignore_errors=True)
    told = in_namespace(options, agent, version, case, folder)
    if told is None:
        return {**run, "skipped": "the run itself failed, as told above", "errors": ["run"]}
    run.update(told)
    run["differs"] = [field for field in FIELDS if field in run["true"] and field in run["recorded"]
                      and not agree(run["recorded"][field], run["true"][field])]
    known = run.pop("knowable")
    run["limits"] = {field: known[field][1] for field in run["differs"]
                     if field in known and agree(run["recorded"][field], known[field][0])}
    run["errors"] = [field for field in run["differs"] if field not in run["limits"]]
    return run


def not_installed(agent, version):
    if version.path(agent).exists():
        return None
    return f"not installed in {version.folder(agent)}: `scripts/real-agents install --agent {agent}`"


def no_terminal(case):
    return "needs tmux" if CASES[case].at_terminal and not shutil.which("tmux") else None


def in_namespace(options, agent, version, case, folder):
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--net", *as_root, sys.executable, str(ROOT / "scripts/real-agents"), "--program", str(options.program),
               "--inside", agent, version.number, case, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def time_all(options, chosen, base):
    for agent, version in chosen:
        missing = not_installed(agent, version)
        if missing:
            print(f"{agent:9} {version.number:8} {missing}")
            continue
        folder = base / f"{agent}-{version.number}-time"
        shutil.rmtree(folder, ignore_errors=True)
        told = in_namespace(options, agent, version, "time", folder)
        if told is None:
            return 1
        print(json.dumps({"agent": agent, "version": version.number, **told}) if options.json
              else table.times(agent, version.number, told["without"], told["with"]), flush=True)
    return 0


# Inside one


def inside(options, agent, number, case, folder):
    agent = AGENTS[agent]
    version = next(version for version in VERSIONS[agent.name] if version.number == number)
    told = timed(options, agent, version, Path(folder)) if case == "time" else played(options, agent, version, CASES[case], folder)
    print(json.dumps(told))
    return 0


def played(options, agent, version, case, folder):
    lab = Lab(agent, version, folder, options.program, words=case.setup)
    begun = time.monotonic()
    try:
        lab.provide(case.scripts(lab), refusals=case.refusals, for_good=case.for_good)
        case.play(lab)
        seconds = time.monotonic() - begun
        lab.settle()
        told = {"seconds": round(seconds, 1), "exits": [process.exit for process in lab.processes],
                "recorded": recorded(lab), "true": true(lab, case), "knowable": knowable(lab, case)}
        lab.keep_evidence()
        return told
    finally:
        lab.close()


def timed(options, agent, version, folder):
    labs = {name: Lab(agent, version, folder / name, options.program, setup=name == "with") for name in ("without", "with")}
    times = {name: [] for name in labs}
    try:
        # The first of each only warms caches, the agents' own in their homes above all.
        for turn in range(TIMED + 1):
            for name, lab in labs.items():
                seconds = one_timed(lab)
                if turn:
                    times[name].append(seconds)
    finally:
        for lab in labs.values():
            lab.close()
    return {name: [round(one, 3) for one in all_of] for name, all_of in times.items()}


def one_timed(lab):
    case = CASES["plain"]
    for command in (["reset", "-q", "--hard"], ["clean", "-fdq"]):
        subprocess.run(["git", *command], cwd=lab.work, env=lab.plain, check=True)
    lab.provide(case.scripts(lab))
    seconds = lab.run("Do it. [[plain]]")
    lab.provider.close()
    lab.provider = None
    if lab.recorder("keep", "--status").returncode == 0:
        lab.settle()
    return seconds
