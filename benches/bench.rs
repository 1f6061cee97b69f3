//! What must stay quick, measured on the real history and the real binary: `cargo bench [-- NAME…]`.
//!
//! Every figure is printed beside the one it is to be compared with, from the same run: these are ratios, not promises.
//! - `growth`: queries, statistics and server start on a thousand and on a million events.
//! - `wake`: an `emit` in one process until `subscribe_coder` answers in another, commits 20 ms apart, and in bursts.
//! - `hook`: one hook process, beside `/bin/true` and a Python one-liner, on an empty and on a large history.
//! - `run`: 100 MB of output through `run`, beside a plain pipe.
//! - `redact`: a KiB of text, beside a `RegexSet` of the same expressions; the first call of a process.
//! - `append`: events a second in batches of 1,024, and one event a transaction.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "bench/append.rs"]
mod append;
#[path = "bench/fanout.rs"]
mod fanout;
#[path = "bench/growth.rs"]
mod growth;
#[path = "bench/hook.rs"]
mod hook;
#[path = "bench/recording.rs"]
mod recording;
#[path = "bench/redact.rs"]
mod redact;
#[path = "bench/run.rs"]
mod run;
#[path = "bench/server.rs"]
mod server;
#[path = "bench/times.rs"]
mod times;
#[path = "bench/wake.rs"]
mod wake;

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    // A bench that needs other processes starts this program again.
    if let [word @ ("write-ours" | "write-raw"), path, from] = &*named.iter().map(String::as_str).collect::<Vec<_>>() {
        return append::write_singles(*word == "write-raw", path.as_ref(), from.parse().expect("a number"));
    }
    let benches: [(&str, fn()); 9] = [
        ("append", append::append),
        ("processes", append::processes),
        ("fanout", fanout::fanout),
        ("growth", growth::growth),
        ("hook", hook::hook),
        ("latency", fanout::latency),
        ("redact", redact::redact),
        ("run", run::run),
        ("wake", wake::wake),
    ];
    for (name, bench) in benches {
        if named.is_empty() || named.iter().any(|given| given == name) {
            println!("## {name}");
            bench();
        }
    }
}
