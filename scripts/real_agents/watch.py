"""Waits for a state, with a limit."""

import time


def wait_for(state, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if state():
            return True
        time.sleep(0.05)
    return False


def stands_still(look, still_seconds, seconds):
    """Whether what `look` gives, once there is something, stays the same for a while."""
    begun = since = time.monotonic()
    before = None
    while time.monotonic() - begun < seconds:
        now = look()
        if now != before or not now:
            before, since = now, time.monotonic()
        elif time.monotonic() - since > still_seconds:
            return True
        time.sleep(0.2)
    return False
