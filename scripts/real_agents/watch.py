"""Waits for a state, with a limit."""

import time


def wait_for(state, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if state():
            return True
        time.sleep(0.05)
    return False
