"""A run's surroundings: a private home and work folder, the recorder as `setup` leaves it, and the mock provider.

A lab lives in a network namespace in which only loopback exists (`main.py` makes it), and ends every process that is left there.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .provider import Provider
from .terminal import Terminal

# A start on a busy machine, and opencode's first one, which looks for what it cannot download.
AGENT_SECONDS = 240
# How long the history may take to come to rest, and for how long nothing may change to call it rest.
SETTLE_SECONDS = 40
REST_SECONDS = 2
# How much longer a coder that has not ended is waited for: the keeper notices a dead process within seconds.
END_SECONDS = 12


@dataclass
class Process:
    output: Path
    prompt: str
    how: str | None  # whether it continues or forks what was before
    child: subprocess.Popen
    exit: int | str | None = None

    def signal(self, number):
        """To the agent and all that it started in its own group."""
        os.killpg(self.child.pid, number)


class Lab:
    def __init__(self, agent, version, folder, program, setup=True, words=()):
        self.agent, self.version, self.folder, self.program = agent, version, Path(folder), str(program)
        self.home, self.work = self.folder / "home", self.folder / "work"
        self.provider, self.processes, self.terminal, self.typed = None, [], None, []
        for path in (self.home, self.work):
            path.mkdir(parents=True)
        node = os.path.dirname(shutil.which("node") or "/usr/bin/node")
        self.plain = {"HOME": str(self.home), "PATH": f"{node}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm-256color"}
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.prepare_work()
        agent.configure(self.home, self.work, version.folder(agent.name))
        if setup:
            self.setup(words)

    def prepare_work(self):
        (self.work / "old.txt").write_text("old\n")
        (self.work / "shared.txt").write_text("first line\nsecond line\n")
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "begin"]):
            subprocess.run(["git", *command], cwd=self.work, env=self.plain, check=True)

    def setup(self, words):
        done = self.recorder("setup", self.agent.target, *words)
        (self.folder / "setup.txt").write_text(done.stdout + done.stderr)
        if done.returncode:
            raise RuntimeError(f"setup {self.agent.target} failed: {done.stderr}")

    def provide(self, scripts, **refusals):
        self.provider = Provider(scripts, self.agent.tool, self.folder, **refusals)

    # The agent

    def spawn(self, prompt, how=None, wrap=()):
        """Starts the agent as the leader of a session of its own, so that a signal reaches all of it and nothing else."""
        output = self.folder / f"out-{len(self.processes) + 1}.jsonl"
        before = self.processes[-1].output if self.processes else None
        command = [*wrap, *map(str, self.agent.command(self.version.path(self.agent.name), prompt, how, before))]
        with output.open("w") as out, output.with_suffix(".err").open("w") as err:
            child = subprocess.Popen(command, env={**self.plain, **self.agent.environment(self.home)}, cwd=self.work,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        self.processes.append(Process(output, prompt, how, child))
        return self.processes[-1]

    def finish(self, process, seconds=AGENT_SECONDS):
        try:
            process.exit = process.child.wait(seconds)
        except subprocess.TimeoutExpired:
            process.signal(signal.SIGKILL)
            process.child.wait()
            process.exit = "hung"

    def run(self, prompt, how=None, wrap=()):
        begun = time.monotonic()
        self.finish(self.spawn(prompt, how, wrap))
        return time.monotonic() - begun

    def open_terminal(self):
        self.terminal = Terminal(self, self.agent.terminal(self.version.path(self.agent.name)))
        return self.terminal

    # The recorder

    def recorder(self, *arguments):
        return subprocess.run([self.program, *arguments], env=self.plain, cwd=self.work, capture_output=True, text=True, timeout=60)

    def lines(self, *arguments):
        return [json.loads(line) for line in self.recorder(*arguments, "--json").stdout.splitlines()]

    def events(self):
        return self.lines("list", "--limit", "0", "--order", "oldest")

    def coders(self):
        return self.lines("coders", "--limit", "0")

    def settle(self):
        """Waits until the keeper has nothing more to tell: nothing has changed for a while, and who is to end has ended."""
        begun = changed = time.monotonic()
        before = None
        while time.monotonic() - begun < SETTLE_SECONDS:
            coders = self.coders()
            if coders != before:
                before, changed = coders, time.monotonic()
            rest = time.monotonic() - changed
            unended = any(not coder.get("ended_at") for coder in coders) or not coders
            if rest > (END_SECONDS if unended else REST_SECONDS):
                return
            time.sleep(0.3)

    def keep_evidence(self):
        """What an engineer wants to see of a run that differs."""
        if self.terminal:
            (self.folder / "screen.txt").write_text(self.terminal.screen() or "It has ended.\n")
        for name, arguments in (("events", ("list", "--limit", "0", "--order", "oldest")), ("coders", ("coders",)),
                                ("rejected", ("rejected",)), ("keeper", ("keep", "--status"))):
            (self.folder / f"{name}.jsonl").write_text(self.recorder(*arguments, "--json").stdout)

    def close(self):
        if self.provider:
            self.provider.close()
        self.recorder("keep", "--stop")
        for pid in namespace_processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def namespace_processes():
    """All processes of this network namespace but this one: agents' children, tools that outlived a kill, keepers."""
    own = os.readlink("/proc/self/ns/net")
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in (os.getpid(), os.getppid()):
            continue
        try:
            if os.readlink(f"/proc/{entry}/ns/net") == own:
                yield int(entry)
        except OSError:
            continue
