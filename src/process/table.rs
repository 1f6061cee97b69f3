//! The system's table of processes, asked for as little as a hook needs.

#[cfg(target_os = "linux")]
mod system {
    use std::{
        fs::{self, File},
        io::Read,
    };

    /// A line of `stat` has some 350 bytes: asked for with room for them, the kernel makes it once.
    const STAT_BYTES_MAX: usize = 1024;

    /// Fields of `/proc/PID/stat` after the name, counted from the state (proc_pid_stat(5)).
    const STATE: usize = 0;
    const PARENT: usize = 1;
    const START: usize = 19;

    /// When it started, in clock ticks since boot; `None` where there is no such process, or nobody has waited for it yet.
    pub fn start(pid: u32) -> Option<u64> {
        let stat = stat(pid)?;
        let ended = matches!(field(&stat, STATE)?, "Z" | "X");
        field(&stat, START)?.parse().ok().filter(|_| !ended)
    }

    pub fn parent(pid: u32) -> Option<u32> {
        field(&stat(pid)?, PARENT)?.parse().ok()
    }

    /// The program and its arguments.
    pub fn command(pid: u32) -> Vec<String> {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }

    pub fn boot() -> Option<String> {
        Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
    }

    pub fn namespace() -> String {
        fs::read_link("/proc/self/ns/pid").map_or_else(|_| String::new(), |link| link.to_string_lossy().into_owned())
    }

    fn stat(pid: u32) -> Option<String> {
        let mut line = [0; STAT_BYTES_MAX];
        let length = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut line).ok()?;
        // The name may be any bytes.
        Some(String::from_utf8_lossy(&line[..length]).into_owned())
    }

    fn field(stat: &str, nth: usize) -> Option<&str> {
        // The name before may hold anything, parentheses too.
        stat.rsplit_once(") ")?.1.split(' ').nth(nth)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

    /// When it started, in seconds since 1970; `None` where there is no such process, or nobody has waited for it yet.
    pub fn start(pid: u32) -> Option<u64> {
        with(pid, |process| (process.status() != ProcessStatus::Zombie).then(|| process.start_time()))?
    }

    pub fn parent(pid: u32) -> Option<u32> {
        with(pid, |process| process.parent().map(Pid::as_u32))?
    }

    /// The program and its arguments.
    pub fn command(pid: u32) -> Vec<String> {
        with(pid, |process| process.cmd().iter().map(|word| word.to_string_lossy().into_owned()).collect()).unwrap_or_default()
    }

    pub fn boot() -> Option<String> {
        Some(System::boot_time().to_string())
    }

    pub fn namespace() -> String {
        String::new()
    }

    fn with<T>(pid: u32, look: impl FnOnce(&Process) -> T) -> Option<T> {
        let pid = Pid::from_u32(pid);
        let mut system = System::new();
        let kind = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
        system.process(pid).map(look)
    }
}

pub(super) use system::{boot, command, namespace, parent, start};
