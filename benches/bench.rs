//! What must stay quick, measured on the real history and the real binary: `cargo bench [-- NAME…]`.
//!
//! Every figure is printed beside the one it is to be compared with, from the same run: these are ratios, not promises.
//! docs/performance.md holds a run of all, with what each is measured against.
//! - `append`: batches of eight producers, and of one; bytes on disk; beside raw rusqlite with the same tables.
//! - `append-huge`, only where named: the same on ten thousand, a million and ten million events.
//! - `processes`: eight processes, one event a transaction each, beside raw rusqlite.
//! - `fanout`: an append until eight subscribers in the same process have it.
//! - `latency`: a single writer beside scans, and bursts of eight.
//! - `retention`: a single writer while a million events are removed.
//! - `growth`: queries, statistics and server start on a thousand and on a million events.
//! - `wake`: an append in one process until a subscriber, a notification, an answer in another; beside a pipe's round trip.
//! - `start`: `serve` to its first answer, and its memory, beside an echo server.
//! - `ask`: each question of `list_ai_coder_events` and `get_ai_coder_stats`, beside an echo of as many bytes, on ten thousand
//!   and on a million events; `ask-huge`, only where named, on ten millions.
//! - `search`: a word that is nowhere in a million captured events.
//! - `tokens`: what six questions about a week cost an agent in calls, characters and tokens, and an hour in which nothing happens.
//! - `hook`: one hook process, beside `/bin/true` and a Python one-liner, on an empty and on a large history.
//! - `run`: 100 MB of output through `run`, beside a plain pipe.
//! - `fill-week PATH` makes the history of `tokens`; `fill PATH EVENTS` makes a history of captured events to try things with, `fill-plain` one of plain events.
//! - `watch`: the live view's first frame on a million events, and ten thousand events a second beside it.
//! - `redact`: a KiB of text, beside a `RegexSet` of the same expressions; the first call of a process.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "bench/append.rs"]
mod append;
#[path = "bench/ask.rs"]
mod ask;
#[path = "bench/echo.rs"]
mod echo;
#[path = "bench/fanout.rs"]
mod fanout;
#[path = "bench/growth.rs"]
mod growth;
#[path = "bench/hook.rs"]
mod hook;
#[path = "bench/latency.rs"]
mod latency;
#[path = "bench/recording.rs"]
mod recording;
#[path = "bench/redact.rs"]
mod redact;
#[path = "bench/retention.rs"]
mod retention;
#[path = "bench/run.rs"]
mod run;
#[path = "bench/search.rs"]
mod search;
#[path = "bench/server.rs"]
mod server;
#[path = "bench/start.rs"]
mod start;
#[path = "bench/times.rs"]
mod times;
#[path = "bench/tokens.rs"]
mod tokens;
#[path = "bench/wake.rs"]
mod wake;
#[path = "bench/watch.rs"]
mod watch;
#[path = "bench/week.rs"]
mod week;

use ai_coder_events::history::Options;

/// Run only where they are named.
const LONG: [&str; 2] = ["append-huge", "ask-huge"];

fn main() {
    if echo::became() {
        return;
    }
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    // A bench that needs other processes starts this program again.
    if let [word @ ("write-ours" | "write-raw"), path, from] = &*named.iter().map(String::as_str).collect::<Vec<_>>() {
        return append::write_singles(*word == "write-raw", path.as_ref(), from.parse().expect("a number"));
    }
    if let [word @ ("fill" | "fill-plain"), path, events] = &*named.iter().map(String::as_str).collect::<Vec<_>>() {
        let draft = if *word == "fill" { recording::realistic } else { recording::plain };
        return recording::fill_with(&Options::new(path), events.parse().expect("a number"), draft);
    }
    if let ["fill-week", path] = *named.iter().map(String::as_str).collect::<Vec<_>>() {
        let present = week::fill(path.as_ref());
        return println!("{} failed, {} works", present.failed, present.working);
    }
    let benches: [(&str, fn()); 17] = [
        ("append", append::append),
        ("append-huge", append::append_huge),
        ("ask", ask::ask),
        ("ask-huge", ask::ask_huge),
        ("fanout", fanout::fanout),
        ("growth", growth::growth),
        ("hook", hook::hook),
        ("latency", latency::latency),
        ("processes", append::processes),
        ("redact", redact::redact),
        ("retention", retention::retention),
        ("run", run::run),
        ("search", search::search),
        ("start", start::start),
        ("tokens", tokens::tokens),
        ("wake", wake::wake),
        ("watch", watch::watch),
    ];
    for (name, bench) in benches {
        if (named.is_empty() && !LONG.contains(&name)) || named.iter().any(|given| given == name) {
            println!("## {name}");
            bench();
        }
    }
}
