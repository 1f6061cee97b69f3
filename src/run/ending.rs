//! Whether an end was asked for: the command died of a signal that its person sent through the wrapper.

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::wake::{CommandEnd, Received};

/// The signals that ask a process to end.
const ASKING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// What was heard so far.
#[derive(Debug, Default)]
pub(super) struct Ending {
    asked: Vec<i32>,
}

impl Ending {
    pub fn received(&mut self, received: Received) {
        if ASKING.contains(&received.signal) && !self.asked.contains(&received.signal) {
            self.asked.push(received.signal);
        }
    }

    /// In a terminal of its own, the keys that interrupt and quit reach the command without the wrapper.
    pub fn asked_for(&self, end: CommandEnd, in_terminal: bool) -> bool {
        let CommandEnd::Signal(signal) = end else { return false };
        self.asked.contains(&signal) || in_terminal && matches!(signal, SIGINT | SIGQUIT)
    }

    /// It may have been asked for: a terminal's key reaches the command and us at once, and we may hear of the end first.
    pub fn may_be_asked_for(&self, end: CommandEnd) -> bool {
        matches!(end, CommandEnd::Signal(signal) if ASKING.contains(&signal)) && !self.asked_for(end, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_death_of_what_was_sent_was_asked_for() {
        let mut ending = Ending::default();
        ending.received(Received { signal: SIGTERM, from_terminal: false });
        let cases = [
            (CommandEnd::Signal(SIGTERM), false, true, false),
            (CommandEnd::Signal(SIGINT), false, false, true),
            (CommandEnd::Signal(SIGINT), true, true, true),
            (CommandEnd::Signal(signal_hook::consts::SIGKILL), true, false, false),
            (CommandEnd::Code(143), false, false, false),
        ];
        for (end, in_terminal, asked_for, may_be) in cases {
            assert_eq!((ending.asked_for(end, in_terminal), ending.may_be_asked_for(end)), (asked_for, may_be), "{end:?}");
        }
    }
}
