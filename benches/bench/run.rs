//! What `run` costs the command's output: 100 MB through it, beside the same through a plain pipe.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{server::program, times::Times};

const BYTES: usize = 100 << 20;
const ROUNDS: usize = 7;
/// As a reader of a pipe takes it.
const CHUNK: usize = 64 << 10;

pub fn run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (lines, noise) = (folder.path().join("lines"), folder.path().join("noise"));
    let line = b"test session::tests::rejects_an_expired_token ... ok, and some more words to fill it\n";
    fill(&lines, line);
    // Not text, and without a line's end.
    fill(&noise, &(0..=255).filter(|&byte| byte != b'\n').collect::<Vec<u8>>());
    for (name, file) in [("lines", &lines), ("bytes without lines", &noise)] {
        let (mut plain, mut wrapped, mut memory) = (Times::default(), Times::default(), 0);
        for round in 0..ROUNDS {
            let mut cat = Command::new("cat");
            plain.0.push(through(cat.arg(file), &mut 0));
            let mut run = program(&folder.path().join(format!("{round}.db")), &[]);
            wrapped.0.push(through(run.args(["run", "--", "cat"]).arg(file).current_dir(folder.path()), &mut memory));
        }
        let per_second = |times: &mut Times| BYTES as f64 / 1e6 / times.quantile(0.5).as_secs_f64();
        let (floor, ours) = (per_second(&mut plain), per_second(&mut wrapped));
        println!("100 MB of {name}: cat {floor:.0} MB/s, run -- cat {ours:.0} MB/s: {:.2} of a plain pipe", ours / floor);
        println!("  the wrapper held {:.1} MB at most", memory as f64 / 1024.0);
    }
}

fn fill(path: &Path, pattern: &[u8]) {
    let mut file = fs::File::create(path).expect("a file");
    let block = pattern.repeat(CHUNK / pattern.len() + 1);
    for _ in 0..BYTES / block.len() + 1 {
        file.write_all(&block).expect("written");
    }
    file.set_len(BYTES as u64).expect("cut to size");
}

/// From spawn until the last byte; `peak` becomes the most memory the process held, in KiB.
fn through(command: &mut Command, peak: &mut u64) -> Duration {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut stdout = child.stdout.take().expect("piped");
    let (mut chunk, mut bytes) = (vec![0; CHUNK], 0);
    let mut looked_at = 0;
    loop {
        match stdout.read(&mut chunk).expect("readable") {
            0 => break,
            read => bytes += read,
        }
        if bytes - looked_at > BYTES / 20 {
            looked_at = bytes;
            *peak = (*peak).max(peak_of(&status));
        }
    }
    let elapsed = begun.elapsed();
    assert_eq!(bytes, BYTES);
    assert!(child.wait().expect("it ends").success());
    elapsed
}

fn peak_of(status: &str) -> u64 {
    let status = fs::read_to_string(status).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    peak.unwrap_or(0)
}
