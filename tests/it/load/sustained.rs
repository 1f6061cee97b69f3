//! Eight writers, eight subscribers of which half are slow, and retention throughout.
//!
//! Every receipt is remembered. Each subscriber must have been given each acknowledged event exactly once and in order, or have
//! been told that retention took it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    home::{Home, Running},
    rpc::{Client, Era, memory_peak_mb, modern, old},
};

use super::{machine_load, percentiles, size};

const WRITERS: u64 = 8;
/// Each writer writes this often.
const TURN: Duration = Duration::from_millis(100);
/// What ends every subscriber.
const LAST: &str = "the-last";
/// No process may hold more than this, however much was written and however slow its reader is.
const MEMORY_MB_MAX: u64 = 200;
/// A slow subscriber takes this much, then looks away for a turn.
const SLOW_BYTES: usize = 4 * 1024;
const SLOW_EVENTS: u64 = 30;

#[test]
fn nothing_is_lost_under_load() {
    let size = size();
    let home = Arc::new(Home::new());
    home.configure(&format!("[retention]\nmax_events = {}\n", size.kept));
    home.record(&[r#"{"type":"started","coder_id":"w0","id":"first"}"#]);
    let load_before = machine_load();

    // Slow only while there is load: how far behind they are is seen by what they missed.
    let over = Arc::new(AtomicBool::new(false));
    let subscribers: Vec<JoinHandle<Seen>> = vec![
        follower(&home, "fast follow 1", None),
        follower(&home, "fast follow 2", None),
        follower(&home, "slow follow 1", Some(over.clone())),
        follower(&home, "slow follow 2", Some(over.clone())),
        poller(&home, "fast subscribe_coder, old era", old(), None),
        poller(&home, "fast subscribe_coder, new era", modern(), None),
        poller(&home, "slow subscribe_coder, old era", old(), Some(over.clone())),
        poller(&home, "slow subscribe_coder, new era", modern(), Some(over.clone())),
    ];
    let pruning = pruner(&home, over.clone());

    let since = Instant::now();
    let each = size.events_per_second / WRITERS;
    let writers: Vec<_> = (0..WRITERS).map(|number| Writer::start(&home, number, each, size.load)).collect();
    let written: Vec<Written> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    let took = since.elapsed();
    over.store(true, Ordering::Release);
    home.record(&[&format!(r#"{{"type":"milestone","coder_id":"{LAST}","id":"last"}}"#)]);

    let events: usize = written.iter().map(|written| written.receipts.len()).sum();
    println!("load of the machine: {load_before} before, {} after", machine_load());
    println!(
        "{events} events from {WRITERS} processes in {:.1} s: {:.0} a second, {} asked for",
        took.as_secs_f64(),
        events as f64 / took.as_secs_f64(),
        size.events_per_second
    );
    println!(
        "append, from the line to its receipt: {}",
        percentiles(written.iter().flat_map(|written| written.micros.clone()).collect())
    );
    let seen: Vec<Seen> = subscribers.into_iter().map(|subscriber| subscriber.join().unwrap()).collect();
    let rounds = pruning.join().unwrap();
    println!("everyone had everything after {:.1} s; {rounds} rounds of `prune`", since.elapsed().as_secs_f64());

    let acknowledged = acknowledged(&written);
    seen.iter().for_each(|seen| seen.check(&acknowledged));
    let memory = written.iter().map(|written| written.memory_mb).max().unwrap_or(0);
    println!("memory: writers at most {memory} MB");
    assert!(memory < MEMORY_MB_MAX, "{memory} MB");

    let stats = home.json(&["stats"]).remove(0);
    assert_eq!(stats["total_events"], events as u64 + 2);
    assert!(stats["history"]["oldest"].as_u64().unwrap() > 1 || stats["history"]["events"] != stats["total_events"], "{stats}");
    println!(
        "on disk: {} MB for {} events kept",
        stats["history"]["bytes"].as_u64().unwrap() / 1_000_000,
        stats["history"]["events"]
    );
    assert_eq!(home.json(&["check"])[0]["problems"], json!([]));
}

/// What was acknowledged, by seq: the writer and the number it gave.
fn acknowledged(written: &[Written]) -> Vec<Option<u32>> {
    let last = written.iter().filter_map(|written| written.receipts.last()).max().copied().unwrap_or(0);
    let mut acknowledged = vec![None; last as usize + 1];
    for (writer, Written { receipts, .. }) in written.iter().enumerate() {
        assert!(receipts.is_sorted_by(|a, b| a < b), "a writer's seqs rise");
        for (number, &seq) in receipts.iter().enumerate() {
            let before = acknowledged[seq as usize].replace(pack(writer as u64, number as u64));
            assert_eq!(before, None, "seq {seq} was given twice");
        }
    }
    acknowledged
}

/// A writer's number in the upper bits, its event's below.
fn pack(writer: u64, number: u64) -> u32 {
    u32::try_from(writer << 28 | number).expect("a writer writes less than 2^28 events")
}

struct Written {
    /// The seq of each line.
    receipts: Vec<u32>,
    micros: Vec<u32>,
    memory_mb: u64,
}

struct Writer;

#[derive(Deserialize)]
struct Receipt {
    line: usize,
    seq: u32,
    duplicate: bool,
}

impl Writer {
    /// Writes `each` lines a second in small batches for so long, and reads the receipts beside.
    fn start(home: &Home, writer: u64, each: u64, length: Duration) -> JoinHandle<Written> {
        let mut command = home.command(&["emit", "-", "--json"]);
        let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let (mut stdin, stdout) = (child.0.stdin.take().unwrap(), child.0.stdout.take().unwrap());
        let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let sent_at = sent.clone();
        let reading = thread::spawn(move || {
            let (mut receipts, mut micros) = (Vec::new(), Vec::new());
            for line in BufReader::new(stdout).lines() {
                let receipt: Receipt = serde_json::from_str(&line.unwrap()).unwrap();
                assert_eq!((receipt.line, receipt.duplicate), (receipts.len() + 1, false));
                let sent = sent_at.lock().unwrap()[receipts.len()];
                micros.push(sent.elapsed().as_micros() as u32);
                receipts.push(receipt.seq);
            }
            (receipts, micros)
        });
        thread::spawn(move || {
            let since = Instant::now();
            let (mut number, mut text) = (0, String::new());
            while since.elapsed() < length {
                let due = (each as f64 * (since.elapsed() + TURN).min(length).as_secs_f64()) as u64;
                text.clear();
                let first = number;
                while number < due {
                    use std::fmt::Write;
                    writeln!(
                        text,
                        r#"{{"type":"progress","coder_id":"w{writer}","id":"{}","stage":"working","description":"step {number} of many, told in a sentence"}}"#,
                        pack(writer, number)
                    )
                    .unwrap();
                    number += 1;
                }
                let now = Instant::now();
                sent.lock().unwrap().extend((first..number).map(|_| now));
                stdin.write_all(text.as_bytes()).unwrap();
                thread::sleep(TURN.saturating_sub(now.elapsed()));
            }
            // At its end it is gone, and nobody can ask it any more.
            let memory_mb = memory_peak_mb(child.0.id());
            drop(stdin);
            let (receipts, micros) = reading.join().unwrap();
            assert!(child.0.wait().unwrap().success());
            assert_eq!(receipts.len() as u64, number, "every line has its receipt");
            Written { receipts, micros, memory_mb }
        })
    }
}

/// Retention from other processes, over and over.
fn pruner(home: &Arc<Home>, over: Arc<AtomicBool>) -> JoinHandle<u32> {
    let home = home.clone();
    thread::spawn(move || {
        let mut rounds = 0;
        while !over.load(Ordering::Acquire) {
            home.ok(&["prune"]);
            rounds += 1;
            thread::sleep(TURN);
        }
        rounds
    })
}

/// What a subscriber was given.
struct Seen {
    name: &'static str,
    events: Vec<(u32, Option<u32>)>,
    missed: Vec<(u32, u32)>,
    memory_mb: u64,
}

#[derive(Deserialize)]
struct Given {
    seq: Option<u32>,
    id: Option<String>,
    coder_id: Option<String>,
    missed: Option<Gap>,
}

#[derive(Deserialize)]
struct Gap {
    after: u32,
    through: u32,
}

impl Seen {
    fn new(name: &'static str) -> Seen {
        Seen { name, events: Vec::new(), missed: Vec::new(), memory_mb: 0 }
    }

    /// Whether it was the last.
    fn take(&mut self, given: Given) -> bool {
        if let Some(Gap { after, through }) = given.missed {
            self.missed.push((after, through));
        }
        if let Some(seq) = given.seq {
            self.events.push((seq, given.id.and_then(|id| id.parse().ok())));
        }
        given.coder_id.as_deref() == Some(LAST)
    }

    fn check(&self, acknowledged: &[Option<u32>]) {
        let Seen { name, events, missed, memory_mb } = self;
        assert!(events.is_sorted_by(|a, b| a.0 < b.0), "{name}: an event came twice or out of order");
        let lost: u64 = missed.iter().map(|(after, through)| u64::from(through - after)).sum();
        println!("{name}: {} events, {lost} told as missed in {} gaps, {memory_mb} MB at most", events.len(), missed.len());
        let mut given = events.iter().peekable();
        for (seq, expected) in (0_u32..).zip(acknowledged) {
            let event = given.next_if(|event| event.0 == seq);
            let Some(expected) = expected else { continue };
            match event {
                Some((_, id)) => assert!(id.is_none_or(|id| id == *expected), "{name}: seq {seq} is another event"),
                None => {
                    let is_told = missed.iter().any(|&(after, through)| (after + 1..=through).contains(&seq));
                    assert!(is_told, "{name}: seq {seq} was acknowledged, and neither given nor told as missed");
                }
            }
        }
        assert!(*memory_mb < MEMORY_MB_MAX, "{name}: {memory_mb} MB");
    }
}

/// Takes a little at a time, with pauses, until `over`; where there is no `over`, all that comes.
struct Slow<R> {
    inner: R,
    over: Option<Arc<AtomicBool>>,
    left: usize,
}

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(over) = self.over.as_ref().filter(|over| !over.load(Ordering::Acquire)) else { return self.inner.read(buffer) };
        if self.left == 0 {
            look_away(over);
            self.left = SLOW_BYTES;
        }
        let most = buffer.len().min(self.left);
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

fn look_away(over: &AtomicBool) {
    if !over.load(Ordering::Acquire) {
        thread::sleep(TURN);
    }
}

fn follower(home: &Home, name: &'static str, over: Option<Arc<AtomicBool>>) -> JoinHandle<Seen> {
    let mut command = home.command(&["follow", "--json", "--after", "0"]);
    let mut child = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let stdout = Slow { inner: child.0.stdout.take().unwrap(), over, left: SLOW_BYTES };
    thread::spawn(move || {
        let mut seen = Seen::new(name);
        for line in BufReader::new(stdout).lines() {
            if seen.take(serde_json::from_str(&line.unwrap()).unwrap()) {
                seen.memory_mb = memory_peak_mb(child.0.id());
                return seen;
            }
        }
        panic!("{name}: it ended before the last event");
    })
}

fn poller(home: &Home, name: &'static str, era: Era, over: Option<Arc<AtomicBool>>) -> JoinHandle<Seen> {
    let mut client = Client::start(home, &[], era);
    thread::spawn(move || {
        let mut seen = Seen::new(name);
        let mut cursor = Value::from("0");
        let max = if over.is_some() { SLOW_EVENTS } else { 1_000 };
        loop {
            let is_over = over.as_ref().is_none_or(|over| over.load(Ordering::Acquire));
            let max = if is_over { 1_000 } else { max };
            let arguments = json!({"coder_id": "*", "cursor": cursor, "max_events": max, "wait_ms": 10_000});
            let id = client.begin_call("subscribe_coder", arguments);
            let mut answer = client.answer(id)["result"]["structuredContent"].take();
            assert_ne!(answer["ended"], "gap", "{name}: {answer}");
            cursor = answer["cursor"].take();
            let missed = serde_json::from_value(answer["missed"].take()).unwrap();
            seen.take(Given { seq: None, id: None, coder_id: None, missed });
            let Value::Array(events) = answer["events"].take() else { panic!("{name}: no events") };
            let mut is_last = false;
            for event in events {
                is_last |= seen.take(serde_json::from_value(event).unwrap());
            }
            if is_last {
                seen.memory_mb = client.memory_peak_mb();
                assert!(client.close().0.success());
                return seen;
            }
            if let Some(over) = &over {
                look_away(over);
            }
        }
    })
}
