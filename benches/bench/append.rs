//! Appending, beside raw rusqlite that inserts the same rows into the same tables with the same batches.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ai_coder_events::{
    bus::Bus,
    event::Draft,
    history::{Entry, Options, Query, Reader, Writer},
};
use rusqlite::{Connection, TransactionBehavior, params, types::Value};

use super::{
    recording::{batches, fill, plain, realistic},
    times::{Times, median},
};

const PRODUCERS: usize = 8;
/// Of each producer; eight of them fill a transaction.
const BATCH: usize = 128;
const ROUND_EVENTS: usize = 100_000;
const ROUNDS: usize = 5;

/// One process, batches: the same history grows on both sides, round by round in turn.
pub fn append() {
    side_by_side("plain drafts", plain);
    side_by_side("captured hooks and session logs", realistic);
}

fn side_by_side(name: &str, draft: fn(usize) -> Draft) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ours = Options::new(folder.path().join("ours.db"));
    let raw = Options::new(folder.path().join("raw.db"));
    let bus = Bus::new(ours.clone());
    let mut floor = Raw::new(&raw);
    let (mut ours_rates, mut single_rates, mut raw_rates) = (Vec::new(), Vec::new(), Vec::new());
    let mut from = 0;
    let batch = PRODUCERS * BATCH;
    for _ in 0..ROUNDS {
        let share = ROUND_EVENTS / PRODUCERS;
        let shares: Vec<_> = (0..PRODUCERS).map(|n| batches(draft, from + n * share, share, BATCH)).collect();
        let head = head(&ours);
        let begun = Instant::now();
        produce(&bus, shares);
        let took = begun.elapsed();
        from += ROUND_EVENTS;
        let rows = rows_after(&ours, head);
        ours_rates.push(rows.len() as f64 / took.as_secs_f64());
        raw_rates.push(floor.insert(&rows, batch));

        let head = self::head(&ours);
        let mut writer = Writer::new(&ours);
        let share = batches(draft, from, ROUND_EVENTS, batch);
        let begun = Instant::now();
        for batch in share {
            writer.append(batch).expect("the bench's history can be written");
        }
        let took = begun.elapsed();
        from += ROUND_EVENTS;
        let rows = rows_after(&ours, head);
        single_rates.push(rows.len() as f64 / took.as_secs_f64());
        floor.insert(&rows, batch);
    }
    let in_turn = |rates: &[f64]| rates.iter().map(|rate| format!("{:.0}k", rate / 1e3)).collect::<Vec<_>>().join(" ");
    println!("{name}, as the history grows to a million: ours {}; raw {}", in_turn(&ours_rates), in_turn(&raw_rates));
    let (ours_rate, single_rate, raw_rate) = (median(ours_rates), median(single_rates), median(raw_rates));
    println!(
        "{name}: {PRODUCERS} producers {ours_rate:.0} events/s, {:.2} x raw rusqlite ({raw_rate:.0} rows/s)",
        ours_rate / raw_rate
    );
    println!("{name}: one writer {single_rate:.0} events/s, {:.2} x raw", single_rate / raw_rate);
    size(&ours);
}

fn head(options: &Options) -> u64 {
    Reader::new(options).position().expect("readable").head
}

fn produce(bus: &Bus, shares: Vec<Vec<Vec<Entry>>>) {
    thread::scope(|scope| {
        for share in shares {
            let bus = bus.clone();
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(async {
                    for batch in share {
                        bus.publish(batch).await.expect("the bench's history can be written");
                    }
                });
            });
        }
    });
}

/// Bytes on disk an event, everything included, beside the event's own JSON.
fn size(options: &Options) {
    let mut reader = Reader::new(options);
    let events = reader.position().expect("readable").head;
    let sample = reader.page(&Query { limit: 10_000, ..Query::default() }).expect("readable").events;
    let json = sample.iter().map(|event| event.to_line().len()).sum::<usize>() as f64 / sample.len() as f64;
    drop(reader);
    // Closing moves the write-ahead log into the database.
    drop(Connection::open(&options.path).expect("opens").execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    let bytes = fs::metadata(&options.path).map_or(0, |metadata| metadata.len()) as f64 / events as f64;
    println!("on disk: {bytes:.0} bytes an event; its JSON: {json:.0} bytes; {:.2} x", bytes / json);
}

const COLUMNS: &str = "seq, coder, type, at, received, id, completes, path, body";

/// Rows of the event table, as they lie there.
fn rows_after(options: &Options, seq: u64) -> Vec<Vec<Value>> {
    let db = Connection::open(&options.path).expect("opens");
    let mut statement = db.prepare(&format!("SELECT {COLUMNS} FROM event WHERE seq > ? ORDER BY seq")).expect("our table");
    let rows = statement.query_map([seq], |row| (0..9).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Value>>>());
    rows.expect("our table").collect::<rusqlite::Result<_>>().expect("our rows")
}

/// The floor: one prepared INSERT a row into the same table with the same indexes, nothing checked, nothing folded.
struct Raw(Connection);

impl Raw {
    /// The tables are made by the real thing, in `at`; the settings are the same.
    fn new(at: &Options) -> Raw {
        Writer::new(at).append(vec![realistic(0).into()]).expect("the bench's history can be written");
        let db = Connection::open(&at.path).expect("opens");
        db.execute_batch("DELETE FROM event").expect("our table");
        Raw::set_up(db)
    }

    fn open(path: &Path) -> Raw {
        Raw::set_up(Connection::open(path).expect("opens"))
    }

    fn set_up(db: Connection) -> Raw {
        db.pragma_update(None, "wal_autocheckpoint", 4000).expect("a pragma");
        db.pragma_update(None, "synchronous", "NORMAL").expect("a pragma");
        db.busy_timeout(Duration::from_secs(10)).expect("a timeout");
        Raw(db)
    }

    /// Rows a second.
    fn insert(&mut self, rows: &[Vec<Value>], batch: usize) -> f64 {
        let begun = Instant::now();
        for batch in rows.chunks(batch) {
            let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate).expect("a transaction");
            let mut insert = transaction.prepare_cached(&insert_sql()).expect("our table");
            for row in batch {
                insert.execute(rusqlite::params_from_iter(row)).expect("a row of ours");
            }
            drop(insert);
            transaction.commit().expect("committed");
        }
        rows.len() as f64 / begun.elapsed().as_secs_f64()
    }
}

fn insert_sql() -> String {
    format!("INSERT INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
}

/// By its own name: the same batches and single events on ten thousand, a million and ten million events.
pub fn append_huge() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::new(folder.path().join("history.db"));
    let mut writer = Writer::new(&options);
    let (mut from, mut before) = (0, None);
    for size in [10_000, 1_000_000, 10_000_000] {
        for batch in (from..size).step_by(100_000).flat_map(|start| batches(plain, start, (size - start).min(100_000), 1024)) {
            writer.append(batch).expect("the bench's history can be written");
        }
        let mut rates = Vec::new();
        from = size;
        for _ in 0..ROUNDS {
            let share = batches(plain, from, 50_000, PRODUCERS * BATCH);
            from += 50_000;
            let begun = Instant::now();
            for batch in share {
                writer.append(batch).expect("the bench's history can be written");
            }
            rates.push(50_000.0 / begun.elapsed().as_secs_f64());
        }
        let mut singles = Times::default();
        for n in from..from + 5_000 {
            let entry = vec![plain(n).into()];
            singles.measure(|| writer.append(entry).expect("the bench's history can be written"));
        }
        from += 5_000;
        let (rate, single) = (median(rates), singles.quantile(0.5).as_secs_f64());
        println!("{size} events: batches {rate:.0} events/s; one event a transaction: {singles}");
        let (first_rate, first_single) = *before.get_or_insert((rate, single));
        println!("  growth: batches {:.2} x, single events {:.2} x", first_rate / rate, single / first_single);
    }
}

/// Events each process of `processes` appends in one round.
const SINGLES: usize = 5_000;

/// Eight processes, one event a transaction each, without a pause: ours and raw in turn.
pub fn processes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ours = Options::new(folder.path().join("ours.db"));
    let raw = Options::new(folder.path().join("raw.db"));
    fill(&ours, 10_000);
    Raw::new(&raw);
    let mut rates = [Vec::new(), Vec::new()];
    let mut times = [Times::default(), Times::default()];
    for round in 0..3 {
        for (side, (word, options)) in [("write-ours", &ours), ("write-raw", &raw)].into_iter().enumerate() {
            let mut writers: Vec<Child> = (0..PRODUCERS)
                .map(|n| {
                    let own = std::env::current_exe().expect("this bench's own path");
                    let from = (1 + round * PRODUCERS + n) * SINGLES * 10;
                    let mut command = Command::new(own);
                    command.args([word, options.path.to_str().expect("a path in UTF-8"), &from.to_string()]);
                    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts again")
                })
                .collect();
            let mut outputs: Vec<_> =
                writers.iter_mut().map(|writer| BufReader::new(writer.stdout.take().expect("piped"))).collect();
            let mut line = String::new();
            for output in &mut outputs {
                output.read_line(&mut line).expect("it says that it is ready");
            }
            let begun = Instant::now();
            writers.iter_mut().for_each(|writer| writer.stdin.take().expect("piped").write_all(b"go\n").expect("it reads"));
            for output in &mut outputs {
                line.clear();
                output.read_line(&mut line).expect("it says how long each took");
                times[side]
                    .0
                    .extend(line.split_whitespace().map(|nanos| Duration::from_nanos(nanos.parse().expect("nanoseconds"))));
            }
            rates[side].push((PRODUCERS * SINGLES) as f64 / begun.elapsed().as_secs_f64());
            for writer in &mut writers {
                writer.wait().expect("it ends");
            }
        }
    }
    let [ours_rate, raw_rate] = rates.map(median);
    let [ours_times, raw_times] = times;
    println!("{PRODUCERS} processes, one event each transaction: {ours_rate:.0} events/s, {ours_times}");
    println!("raw rusqlite the same: {raw_rate:.0} rows/s, {raw_times}");
    println!("{PRODUCERS} processes: {:.2} x raw", ours_rate / raw_rate);
}

/// One of the processes of [`processes`]: says it is ready, waits for a line, then writes and says how long each took.
pub fn write_singles(raw: bool, path: &Path, from: usize) {
    let mut times = Times::default();
    let (mut ready, mut go) = (std::io::stdout(), String::new());
    let mut wait = || {
        writeln!(ready, "ready").and_then(|()| ready.flush()).expect("it is read");
        std::io::stdin().read_line(&mut go).expect("it is told to go");
    };
    if raw {
        let db = Raw::open(path).0;
        let mut begin = db.prepare("BEGIN IMMEDIATE").expect("SQL");
        let mut commit = db.prepare("COMMIT").expect("SQL");
        let mut insert = db.prepare(&insert_sql().replacen('?', "(SELECT max(seq) + 1 FROM event)", 1)).expect("our table");
        let rows: Vec<(i64, Option<Vec<u8>>, String)> = (from..from + SINGLES).map(row_of).collect();
        wait();
        for (n, (kind, id, body)) in rows.into_iter().enumerate() {
            times.measure(|| {
                begin.execute([]).expect("its turn");
                let none: Option<i64> = None;
                let now = from as i64 * 1_000 + n as i64;
                insert.execute(params![(n % 100) as i64, kind, now, now, id, none, none, body]).expect("a row");
                commit.execute([]).expect("committed");
            });
        }
    } else {
        let mut writer = Writer::new(&Options::new(path));
        let entries: Vec<Entry> = (from..from + SINGLES).map(|n| realistic(n).into()).collect();
        wait();
        for entry in entries {
            times.measure(|| writer.append(vec![entry]).expect("the bench's history can be written"));
        }
    }
    let nanos: Vec<String> = times.0.iter().map(|time| time.as_nanos().to_string()).collect();
    println!("{}", nanos.join(" "));
}

/// An odd number: its multiples are as scattered as ids made of natural keys.
const SCATTERED: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// What the history would store of the `n`th draft.
fn row_of(n: usize) -> (i64, Option<Vec<u8>>, String) {
    let draft = realistic(n);
    let id = (draft.key != ai_coder_events::event::Key::None).then(|| (n as u128).wrapping_mul(SCATTERED).to_be_bytes().to_vec());
    let checked = draft.check(std::time::SystemTime::now().into(), &Default::default()).expect("valid");
    (checked.event().kind.code().into(), id, checked.event().stored_body())
}
