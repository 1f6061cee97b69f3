"""An agent in a terminal: tmux shows it and types. Its server lives in the lab's namespace and ends with it."""

import subprocess
import time

from .watch import stands_still, wait_for

START_SECONDS = 60
STILL_SECONDS = 2


class Terminal:
    def __init__(self, lab, command):
        self.socket = str(lab.folder / "tmux")
        self.environment = {**lab.plain, **lab.agent.environment(lab.home)}
        self.tmux("new-session", "-d", "-x", "140", "-y", "40", "-c", str(lab.work), *map(str, command))
        self.settle()

    def tmux(self, *arguments):
        command = ["tmux", "-S", self.socket, "-f", "/dev/null", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    def screen(self):
        """What it shows; None where the agent has ended."""
        return self.tmux("capture-pane", "-p")

    def settle(self):
        return stands_still(lambda: (self.screen() or "").strip(), STILL_SECONDS, START_SECONDS)

    def enter(self, text):
        """Types a line, and sends it when it stands there: what comes all at once is taken for pasted, Enter and all."""
        self.tmux("send-keys", "-l", text)
        wait_for(lambda: text[-8:] in (self.screen() or text), 10)
        self.settle()
        self.key("Enter")

    def key(self, name):
        self.tmux("send-keys", name)
        # Two that come together would be one with Alt held down.
        time.sleep(0.3)

    def ended(self, seconds):
        return wait_for(lambda: self.screen() is None, seconds)
