//! What must not grow with the history.

use ai_coder_events::{
    filter::Filter,
    history::{Options, Query, Reader, StatsQuery},
};

use super::{
    recording::{CODERS, fill, realistic},
    server::Server,
    times::Times,
};

/// Events in the small and the large history: a first day, and a year of a busy machine.
pub const SIZES: [usize; 2] = [1_000, 1_000_000];

pub fn growth() {
    const NAMES: [&str; 4] = ["newest 10 of a coder", "newest 50", "stats", "serve: start to first answer"];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let histories = SIZES.map(|events| {
        let options = Options::new(folder.path().join(format!("{events}.db")));
        fill(&options, events);
        options
    });
    // As many as each coder has in the small history, so that both answer with the same number of events.
    let of_coder = Query { filter: Filter::coder(realistic(7).coder_id), limit: SIZES[0] / CODERS, ..Query::default() };
    let newest = Query { limit: 50, ..Query::default() };
    let stats = StatsQuery { coders_max: 50, ..StatsQuery::default() };
    let mut times: [[Times; 4]; 2] = Default::default();
    let mut readers = histories.each_ref().map(Reader::new);
    // In turn, so that a machine that changes its speed changes both.
    for _ in 0..200 {
        for (reader, times) in readers.iter_mut().zip(&mut times) {
            times[0].measure(|| reader.page(&of_coder).expect("readable"));
            times[1].measure(|| reader.page(&newest).expect("readable"));
            times[2].measure(|| reader.stats(&stats).expect("readable"));
        }
    }
    for _ in 0..20 {
        for (options, times) in histories.iter().zip(&mut times) {
            times[3].measure(|| Server::start(&options.path, &[]));
        }
    }
    let [small, large] = &mut times;
    for ((name, small), large) in NAMES.iter().zip(small).zip(large) {
        println!("{name}: {} events {small}; {} events {large}", SIZES[0], SIZES[1]);
        let ratio = large.quantile(0.5).as_secs_f64() / small.quantile(0.5).as_secs_f64();
        println!("{name}: {ratio:.2} × the small history's median");
    }
}
