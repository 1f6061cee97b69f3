//! Starts a keeper where none is: with the seat and the listening port in its hands, and nothing else of the agent's.

use std::{
    env,
    ffi::OsString,
    fs::File,
    io,
    net::{Ipv4Addr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{history::Options, process::Liveness};

use super::{Holder, KeeperSettings, Seat, address::port};

/// The first descriptor that is no standard stream.
const FIRST_OTHER: i32 = 3;
/// What the keeper may see of the environment: what says where things lie. An agent's has keys in it.
const VARIABLES: &[&str] = &[
    "HOME",
    "PATH",
    "TMPDIR",
    "TZ",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "COPILOT_HOME",
    "AI_CODER_EVENTS_LOG",
    "AI_CODER_EVENTS_KEEPER",
];
const PROGRAM: &str = "ai-coder-events";
const HOOK_PROGRAM: &str = "ai-coder-events-hook";

/// Why no keeper was started. Nobody waits for one: a hook says nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum NoKeeper {
    #[error("the keeper's seat cannot be looked at")]
    NoSeat(#[source] io::Error),
    #[error("the keeper's program is not beside this one")]
    NoProgram(#[source] io::Error),
    #[error("the keeper's program does not start")]
    Refused(#[source] io::Error),
}

/// Starts a keeper for `options`' history, where none is and people want one. One of an older version is asked to leave: the
/// next hook starts one of this.
///
/// # Errors
/// [`NoKeeper`], and then all is as it was.
pub fn start_where_none(options: &Options, settings: &KeeperSettings) -> Result<(), NoKeeper> {
    if !settings.is_enabled {
        return Ok(());
    }
    let Some(mut seat) = Seat::take(options).map_err(NoKeeper::NoSeat)? else {
        ask_older_to_leave(options);
        return Ok(());
    };
    if !seat.may_start(options.clock.now()).map_err(NoKeeper::NoSeat)? {
        return Ok(());
    }
    let program = program().map_err(NoKeeper::NoProgram)?;
    // The port may be another program's. The keeper says so, and does the rest.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port(options, settings))).ok();
    // Whoever waits for the end of a pipe that the agent has left open would wait for the keeper's.
    close_fds::set_fds_cloexec(FIRST_OTHER, &[]);
    let mut command = Command::new(program);
    command.args(arguments(&options.path)).env_clear().envs(variables()).current_dir("/").stderr(Stdio::null());
    command.stdin(listener.map_or_else(Stdio::null, |listener| OwnedFd::from(listener).into())).stdout(seat.into_file());
    command.spawn().map(drop).map_err(NoKeeper::Refused)
}

/// The seat and the port that this process was started with, as its standard streams; they lead nowhere from then on. What
/// ends the agent's group or terminal ends it no more.
///
/// # Errors
/// Where they are no such things.
pub fn inherit() -> io::Result<(Seat, Option<TcpListener>)> {
    use rustix::{io::fcntl_dupfd_cloexec, process::setsid, stdio};
    if let Err(error) = setsid() {
        tracing::debug!("no session of its own: {error}");
    }
    let own = |stream: rustix::fd::BorrowedFd<'_>| fcntl_dupfd_cloexec(stream, FIRST_OTHER);
    let (seat, listener) = (own(stdio::stdout())?, own(stdio::stdin())?);
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    stdio::dup2_stdin(&nothing)?;
    stdio::dup2_stdout(&nothing)?;
    let listener = TcpListener::from(listener);
    Ok((Seat::of_file(seat.into()), listener.local_addr().is_ok().then_some(listener)))
}

/// Goes on as the program that lies in this one's place by now, with the same seat and port. Returns where that fails.
pub fn replace_process(program: &Path, history: &Path, seat: &Seat, listener: Option<impl AsFd>) -> io::Error {
    let lent = || {
        let seat = seat.file().try_clone()?;
        let listener = listener.map(|listener| listener.as_fd().try_clone_to_owned()).transpose()?;
        io::Result::Ok((seat, listener.map_or_else(Stdio::null, Stdio::from)))
    };
    match lent() {
        Ok((seat, listener)) => Command::new(program).args(arguments(history)).stdin(listener).stdout(seat).exec(),
        Err(error) => error,
    }
}

/// `ai-coder-events-hook` in `path` made `ai-coder-events`, which does all the rest.
fn rename_program(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(HOOK_PROGRAM) { path.with_file_name(PROGRAM) } else { path.to_owned() }
}

fn arguments(history: &Path) -> [OsString; 4] {
    ["keep".into(), "--inherited".into(), "--db".into(), history.into()]
}

fn variables() -> impl Iterator<Item = (&'static str, OsString)> {
    VARIABLES.iter().filter_map(|name| Some((*name, env::var_os(name)?)))
}

fn program() -> io::Result<PathBuf> {
    let program = rename_program(&env::current_exe()?);
    program.metadata().map(|_| program)
}

fn ask_older_to_leave(options: &Options) {
    let older = Seat::holder(options).filter(|holder| holder.is_older_than(env!("CARGO_PKG_VERSION")));
    if let Some(Err(error)) = older.map(|holder| ask_to_leave(&holder)) {
        tracing::debug!("the older keeper cannot be asked to leave: {error}");
    }
}

/// Asks that very process, and none that has its number by now.
///
/// # Errors
/// Where it may not be asked.
pub fn ask_to_leave(holder: &Holder) -> io::Result<()> {
    match Pid::from_raw(holder.process.pid.cast_signed()) {
        Some(pid) if holder.process.liveness() == Liveness::Runs => Ok(kill_process(pid, Signal::TERM)?),
        _ => Ok(()),
    }
}
