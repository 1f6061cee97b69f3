//! The person's command: started without a shell, with nothing to read, and only so much time.

use std::{
    io,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::NotifyMessage;

/// Between two looks whether the command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why a person was not told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyFailure {
    #[error("no command is configured")]
    Nothing,
    #[error("`{program}` cannot be started: {source}")]
    NotStarted { program: String, source: io::Error },
    #[error("`{program}` took longer than {seconds} s and was ended")]
    TooSlow { program: String, seconds: u64 },
    #[error("`{program}` ended with {status}")]
    Failed { program: String, status: ExitStatus },
}

/// Runs `command` with the message in the places of its marks, for at most `time_max`.
///
/// # Errors
/// [`NotifyFailure`], also where the command says that it failed.
pub fn run(command: &[String], message: &NotifyMessage, time_max: Duration) -> Result<(), NotifyFailure> {
    let words = message.fill(command);
    let Some((program, arguments)) = words.split_first() else { return Err(NotifyFailure::Nothing) };
    // What it prints is nobody's: standard output of a server is the protocol.
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| NotifyFailure::NotStarted { program: program.clone(), source })?;
    let status = wait(started, time_max).map_err(|source| NotifyFailure::NotStarted { program: program.clone(), source })?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(NotifyFailure::Failed { program: program.clone(), status }),
        None => Err(NotifyFailure::TooSlow { program: program.clone(), seconds: time_max.as_secs() }),
    }
}

/// `None` where its time was over.
fn wait(mut child: Child, time_max: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    while begun.elapsed() < time_max {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_or_hangs_is_told_of() {
        let message = NotifyMessage::new("t", "b");
        let told = |words: &[&str]| {
            let command: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            run(&command, &message, Duration::from_millis(300)).map_err(|failure| failure.to_string())
        };
        assert_eq!(told(&["true"]), Ok(()));
        assert_eq!(told(&[]), Err("no command is configured".to_owned()));
        assert!(told(&["false"]).is_err_and(|failure| failure.starts_with("`false` ended with exit status: 1")));
        assert!(told(&["no-such-program"]).is_err_and(|failure| failure.starts_with("`no-such-program` cannot be started")));
        assert!(told(&["sleep", "60"]).is_err_and(|failure| failure.ends_with("and was ended")));
    }
}
