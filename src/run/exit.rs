//! The wrapper's own end: that of the command.

use rustix::process::{Resource, getpid, getrlimit, setrlimit};
use signal_hook::low_level::emulate_default_handler;

use super::wake::CommandEnd;

/// Ends this process as the command ended. Where a signal ended it, whoever waits for us must see that: a shell's loop and
/// `xargs` go on after an exit code, whatever it is. Comes back with the code where this process cannot die so.
pub fn end_like(end: CommandEnd) -> u8 {
    // To the first process of a container such a signal means nothing.
    if let CommandEnd::Signal(signal) = end
        && !getpid().is_init()
    {
        // A core of the wrapper would take the place of the command's.
        let limit = getrlimit(Resource::Core);
        if let Err(error) = setrlimit(Resource::Core, rustix::process::Rlimit { current: Some(0), ..limit }) {
            tracing::debug!("the wrapper may leave a core: {error}");
        }
        if let Err(error) = emulate_default_handler(signal) {
            tracing::debug!("no end by signal {signal}: {error}");
        }
    }
    end.exit_code()
}
