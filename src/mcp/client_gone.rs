//! A client that is gone and closed nothing: it was killed, and something that it had started holds its end of our input.
//!
//! Then nobody reads what is written, and whoever started this process is another one's child or nobody's. A server that
//! stayed would hold its memory and its port, and look for news forever. A launcher that goes away right after it has started
//! the server is not the client.

use std::time::{Duration, Instant};

/// A killed client says nothing.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So long after the start, who goes away was a launcher.
#[cfg(unix)]
const LAUNCHING: Duration = Duration::from_secs(10);

/// Ends when the client is gone; a look may fall between its end and what it sent last, so it takes two of them.
#[cfg(unix)]
pub(super) async fn wait() {
    use std::os::unix::process::parent_id;
    let started = Instant::now();
    let mut parent = parent_id();
    let mut looks_in_vain = 0;
    while looks_in_vain < 2 {
        tokio::time::sleep(LOOK_EVERY).await;
        if started.elapsed() < LAUNCHING {
            parent = parent_id();
        }
        let is_gone = parent_id() != parent || nobody_reads();
        looks_in_vain = if is_gone { looks_in_vain + 1 } else { 0 };
    }
}

#[cfg(not(unix))]
pub(super) async fn wait() {
    std::future::pending().await
}

/// Whether standard output leads to nobody.
#[cfg(unix)]
fn nobody_reads() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let output = std::io::stdout();
    let mut output = [PollFd::new(&output, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut output, Some(&at_once)).is_ok() && output[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}
