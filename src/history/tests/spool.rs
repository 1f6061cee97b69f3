//! What hooks leave is taken in once, in order, and holds no secret.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use crate::{
    event::{Condition, EventType, Time},
    history::{Entry, Error, Rejection, Writer, spool},
};

use super::{Draft, Lab, draft, shorts};

#[test]
fn the_spool_is_taken_in_once_in_order_with_the_time_of_receipt() {
    let mut lab = Lab::new();
    let received = lab.now();
    let created = || Draft { only_if: Some(Condition::Unknown), ..draft(EventType::Created, "a") };
    spool(&lab.options, vec![created().into(), draft(EventType::Started, "a").into()]).expect("spooled");
    lab.wait(Time::SECOND);
    let rejection = Rejection { source: "claude-code".into(), reason: "unknown hook".into(), input: "{}".into() };
    let path =
        spool(&lab.options, vec![created().into(), draft(EventType::Output, "a").into(), rejection.into()]).expect("spooled");
    let copy = fs::read_to_string(&path).expect("a spool file");
    lab.wait(Time::HOUR);

    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 3);
    assert_eq!(shorts(&lab.log()), [(1, "created"), (2, "started"), (3, "output")]);
    assert_eq!(lab.log()[0].received_at, received);
    assert_eq!(lab.reader.rejected().expect("readable")[0].time, received.plus(Time::SECOND));

    fs::write(&path, copy).expect("a crash left the file behind");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 0);
    assert_eq!(lab.log().len(), 3);
    lab.assert_sound();
}

#[test]
fn where_the_folder_beside_cannot_be_written_the_runtime_folder_serves() {
    let mut lab = Lab::new();
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    lab.options.runtime_folder = Some(elsewhere.path().to_owned());
    lab.writer = crate::history::Writer::new(&lab.options);
    // A file where the folder would be: nobody can create it, root neither.
    fs::write(lab.options.path.with_extension("spool"), "").expect("writable");
    let path = spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect("spooled");
    assert!(path.starts_with(elsewhere.path()));
    assert_eq!(lab.checkup(false).spool_taken_in, 1);
}

#[test]
fn a_broken_line_of_the_spool_is_kept_as_a_rejection() {
    let mut lab = Lab::new();
    let path = spool(&lab.options, vec![Entry::from(draft(EventType::Started, "a"))]).expect("spooled");
    let whole = fs::read_to_string(&path).expect("a spool file");
    fs::write(&path, format!("{whole}{{\"half")).expect("writable");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 1);
    assert_eq!(lab.reader.rejected().expect("readable").len(), 1);
}

/// What a file holds that has no key of its own, such as a rejection, would count twice.
#[test]
fn a_file_that_a_crash_left_behind_is_not_taken_in_again() {
    let mut lab = Lab::new();
    let refused = Rejection { source: "claude-code".into(), reason: "unknown hook".into(), input: "{}".into() };
    let path = spool(&lab.options, vec![draft(EventType::Output, "a").into(), refused.into()]).expect("spooled");
    let copy = fs::read(&path).expect("a spool file");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 1);
    fs::write(&path, copy).expect("writable");
    let name = path.file_name().expect("a name").to_str().expect("text").to_owned();
    // As it is between the commit and the removal.
    lab.writer.transact(|db| db.execute("INSERT INTO taken (file) VALUES (?)", [&name])).expect("written");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 0);
    assert!(!path.exists());
    assert_eq!((lab.log().len(), lab.reader.rejected().expect("readable").len()), (1, 1));
    let left: u64 = lab.writer.transact(|db| db.query_row("SELECT count(*) FROM taken", [], |row| row.get(0))).expect("read");
    assert_eq!(left, 0, "what nobody asks for is not kept");
}

#[test]
fn what_lies_in_both_folders_is_taken_in_in_order_of_receipt() {
    let mut lab = Lab::new();
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    lab.options.runtime_folder = Some(elsewhere.path().to_owned());
    lab.writer = crate::history::Writer::new(&lab.options);
    let with_runtime_folder = lab.options.clone();
    let mut without = lab.options.clone();
    without.runtime_folder = None;
    let (beside, away) = (lab.options.path.with_extension("spool"), lab.options.path.with_extension("away"));
    let kinds = [EventType::Created, EventType::Started, EventType::Paused, EventType::Resumed];
    for pair in kinds.chunks(2) {
        spool(&without, vec![draft(pair[0], "a").into()]).expect("spooled");
        lab.wait(Time::SECOND);
        // A file in the way sends the next one elsewhere.
        fs::rename(&beside, &away).and_then(|()| fs::write(&beside, "")).expect("moved");
        let path = spool(&with_runtime_folder, vec![draft(pair[1], "a").into()]).expect("spooled");
        assert!(path.starts_with(elsewhere.path()));
        fs::remove_file(&beside).and_then(|()| fs::rename(&away, &beside)).expect("moved back");
        lab.wait(Time::SECOND);
    }
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 4);
    assert_eq!(shorts(&lab.log()), [(1, "created"), (2, "started"), (3, "paused"), (4, "resumed")]);
}

#[test]
fn a_full_spool_takes_no_more_and_counts_what_it_shed() {
    let mut lab = Lab::new();
    let path = spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect("spooled");
    let large = path.with_file_name("large");
    fs::File::create(&large).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    for _ in 0..3 {
        let refused = spool(&lab.options, vec![draft(EventType::Output, "a").into(), draft(EventType::Output, "a").into()]);
        assert!(matches!(refused, Err(Error::SpoolFull { .. })), "{refused:?}");
    }
    fs::remove_file(&large).expect("removed");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 1);
    let reasons =
        |lab: &mut Lab| -> Vec<String> { lab.reader.rejected().expect("readable").into_iter().map(|kept| kept.reason).collect() };
    assert_eq!(reasons(&mut lab), ["6 entries found the spool full and are lost"]);
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 0);
    assert_eq!(reasons(&mut lab).len(), 1, "counted once");
    spool(&lab.options, vec![draft(EventType::Output, "a").into()]).expect("there is room again");
}

#[test]
fn what_a_dying_hook_had_written_is_taken_in_once_it_is_certain_that_no_more_comes() {
    let mut lab = Lab::new();
    let whole = spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect("spooled");
    let half = whole.with_extension("tmp");
    fs::rename(&whole, &half).expect("renamed");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 0, "it may be being written");
    let file = fs::File::options().write(true).open(&half).expect("there");
    file.set_modified(SystemTime::now() - Duration::from_secs(120)).expect("set");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 1);
    assert!(!half.exists());
}

#[test]
fn a_spool_file_that_is_no_text_is_kept_as_a_rejection() {
    let mut lab = Lab::new();
    let path = spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect("spooled");
    fs::write(&path, b"\xff\xfe\n").expect("writable");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 0);
    assert_eq!(lab.reader.rejected().expect("readable").len(), 1);
    assert!(!path.exists());
}

#[test]
fn many_processes_take_it_in_at_once_and_each_entry_comes_once() {
    let mut lab = Lab::new();
    let rejection = || Rejection { source: "a hook".into(), reason: "unknown".into(), input: "{}".into() };
    for n in 0..60_u64 {
        let path = spool(&lab.options, vec![draft(EventType::Output, "a").with("n", n).into(), rejection().into()]);
        path.expect("spooled");
        lab.wait(Time::SECOND);
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let options = &lab.options;
            scope.spawn(move || crate::history::Writer::new(options).take_in_spool().expect("taken in"));
        }
    });
    let numbers: Vec<u64> = lab.log().iter().map(|event| event.data["n"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>(), "once, in order");
    assert_eq!(lab.reader.rejected().expect("readable").len(), 60);
    assert_eq!(lab.checkup(false).spool_taken_in, 0);
    lab.assert_sound();
}

#[test]
fn what_found_another_place_is_not_counted_as_lost() {
    let mut lab = Lab::new();
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    lab.options.runtime_folder = Some(elsewhere.path().to_owned());
    lab.writer = crate::history::Writer::new(&lab.options);
    let fill = |folder: &std::path::Path| {
        fs::create_dir_all(folder)
            .and_then(|()| fs::File::create(folder.join("large"))?.set_len(1 << 30))
            .expect("a sparse file");
    };
    let folders = lab.options.spool_folders();
    fill(&folders[0]);
    let path = spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect("spooled");
    assert!(path.starts_with(&folders[1]));
    fill(&folders[1]);
    spool(&lab.options, vec![draft(EventType::Output, "a").into()]).expect_err("both are full");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 1);
    let kept: Vec<String> = lab.reader.rejected().expect("readable").into_iter().map(|kept| kept.reason).collect();
    assert_eq!(kept, ["1 entries found the spool full and are lost"]);
}

#[test]
fn the_rate_of_a_coder_counts_what_came_after_and_before_what_was_spooled() {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Created, "a"));
    spool(&lab.options, vec![draft(EventType::Output, "a").into()]).expect("spooled");
    lab.wait(Time::HOUR);
    lab.append_all([draft(EventType::Output, "a"), draft(EventType::Output, "a")]);
    lab.writer.take_in_spool().expect("taken in");
    lab.append(draft(EventType::Output, "a"));
    let query = crate::history::StatsQuery { coder: Some("a".into()), ..Default::default() };
    assert_eq!(lab.reader.stats(&query).expect("readable").events_per_minute, 3.0);
}

#[test]
fn what_the_history_does_not_take_is_spooled_and_what_neither_takes_is_told() {
    let mut lab = Lab::new();
    let mut hasty = Writer::new(&lab.options).with_patience(Duration::ZERO);
    let entries = || vec![Entry::from(draft(EventType::Output, "a"))];
    let mut heard = Vec::new();
    assert!(hasty.append_or_spool(entries(), |appended| heard.push(appended)).expect("appended"));
    let spool = lab.options.path.with_extension("spool");
    let locked = |lab: &mut Lab, work: &mut dyn FnMut()| {
        lab.writer
            .transact(|_| {
                work();
                Ok(())
            })
            .expect("writable")
    };
    locked(&mut lab, &mut || {
        assert!(!hasty.append_or_spool(entries(), |appended| heard.push(appended)).expect("spooled"));
    });
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 1);
    fs::remove_dir(&spool).expect("it is empty");
    fs::write(&spool, "in the way").expect("writable");
    locked(&mut lab, &mut || {
        let lost = hasty.append_or_spool(entries(), |appended| heard.push(appended)).expect_err("lost");
        assert!(matches!(lost.refused, Some(Error::Busy { .. })) && matches!(lost.source, Error::File { .. }), "{lost:?}");
    });
    assert_eq!(heard, [true, false, false]);
    assert_eq!(lab.log().len(), 2);
}
