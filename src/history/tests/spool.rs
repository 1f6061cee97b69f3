//! What hooks leave is taken in once, in order, and holds no secret.

use std::fs;

use crate::{
    event::{Condition, EventType, Time},
    history::{Entry, Rejection, spool},
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
