//! Whose files and folders are used: never a link's target, never another user's.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use crate::{
    event::EventType,
    history::{Error, Options, Reader, Writer, spool, store::file},
};

use super::{Lab, draft};

/// Any user but the one who runs the tests.
const ANOTHER: u32 = 12_345;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("there").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

fn append(options: &Options) -> Result<(), Error> {
    Writer::new(options).append(vec![draft(EventType::Started, "a").into()]).map(drop)
}

#[track_caller]
fn refused<T>(outcome: Result<T, Error>, why: &str) {
    match outcome {
        Err(Error::Refused { reason, .. }) => assert!(reason.contains(why), "{reason}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was used, although {why}"),
    }
}

#[test]
fn a_link_in_the_place_of_the_history_is_refused_and_its_target_left_alone() {
    let lab = Lab::new();
    let target = lab.options.path.with_file_name("diary.txt");
    fs::write(&target, "dear diary").expect("writable");
    for led_to in [target.as_path(), Path::new("/nowhere/at/all")] {
        symlink(led_to, &lab.options.path).expect("linked");
        refused(append(&lab.options), "symbolic link");
        refused(Reader::new(&lab.options).position(), "symbolic link");
        fs::remove_file(&lab.options.path).expect("unlinked");
    }
    assert_eq!(fs::read_to_string(&target).expect("readable"), "dear diary");
}

#[test]
fn a_bell_that_is_a_link_is_not_rung() {
    let mut lab = Lab::new();
    let target = lab.options.path.with_file_name("diary.txt");
    fs::write(&target, "dear diary").expect("writable");
    symlink(&target, lab.options.bell_path()).expect("linked");
    lab.append(draft(EventType::Started, "a"));
    assert_eq!(fs::read_to_string(&target).expect("readable"), "dear diary");
    assert_eq!(lab.log().len(), 1, "readers look without it too");
}

#[test]
fn a_bell_that_is_a_pipe_is_not_waited_for() {
    let mut lab = Lab::new();
    let made = std::process::Command::new("mkfifo").arg(lab.options.bell_path()).status().expect("mkfifo is there");
    assert!(made.success());
    lab.append(draft(EventType::Started, "a"));
    assert_eq!(lab.log().len(), 1);
}

#[test]
fn what_lies_beside_the_history_must_be_ours_too() {
    let lab = Lab::new();
    let elsewhere = lab.options.path.with_file_name("elsewhere");
    for companion in lab.options.companions() {
        fs::write(&elsewhere, "").expect("writable");
        symlink(&elsewhere, &companion).expect("linked");
        refused(append(&lab.options), "symbolic link");
        refused(Reader::new(&lab.options).position(), "symbolic link");
        fs::remove_file(&companion).expect("unlinked");
        if file::user() == 0 {
            fs::write(&companion, "").expect("writable");
            chown(&companion, Some(ANOTHER), None).expect("root may");
            refused(append(&lab.options), "belongs to another user");
            fs::remove_file(&companion).expect("removed");
        }
    }
    assert_eq!(fs::read(&elsewhere).expect("readable"), b"");
}

#[test]
fn two_histories_share_neither_bell_nor_spool() {
    let beside = |name: &str| {
        let options = Options::new(Path::new("/h").join(name));
        [options.bell_path(), options.spool_folders().remove(0)].map(|path| path.display().to_string())
    };
    assert_eq!(beside("history.db"), ["/h/history.bell", "/h/history.spool"]);
    assert_eq!(beside("w.alice"), ["/h/w.alice.bell", "/h/w.alice.spool"]);
    assert_eq!(beside("h.bell"), ["/h/h.bell.bell", "/h/h.bell.spool"]);
    assert_eq!(beside("h"), ["/h/h.bell", "/h/h.spool"]);
}

#[test]
fn a_spool_that_is_a_link_takes_nothing_and_gives_nothing() {
    let mut lab = Lab::new();
    let elsewhere = lab.options.path.with_file_name("elsewhere");
    fs::create_dir(&elsewhere).expect("created");
    let beside = lab.options.path.with_extension("spool");
    symlink(&elsewhere, &beside).expect("linked");
    spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect_err("nowhere to leave it");
    assert_eq!(fs::read_dir(&elsewhere).expect("readable").count(), 0);

    fs::remove_file(&beside).expect("unlinked");
    let left = spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect("spooled");
    let planted = elsewhere.join("planted");
    fs::rename(&left, &planted).expect("moved");
    symlink(&planted, &left).expect("linked");
    assert_eq!(lab.writer.take_in_spool().expect("taken in"), 0);
    assert!(planted.exists() && left.is_symlink(), "it waits for somebody to look at it");
}

#[test]
fn a_folder_that_everybody_may_write_to_is_refused_unless_it_is_sticky() {
    let mut lab = Lab::new();
    let folder = lab.options.path.with_file_name("open");
    fs::create_dir(&folder).expect("created");
    lab.options.path = folder.join("history.db");
    set_mode(&folder, 0o777);
    refused(append(&lab.options), "everybody may write");
    set_mode(&folder, 0o1777);
    append(&lab.options).expect("as in /tmp");
    set_mode(&folder, 0o775);
    append(&lab.options).expect("the group is the user's choice");
}

#[test]
fn what_is_another_users_is_refused() {
    if file::user() != 0 {
        eprintln!("not tried: only root can give a file to another user");
        return;
    }
    let mut lab = Lab::new();
    lab.append(draft(EventType::Started, "a"));
    chown(&lab.options.path, Some(ANOTHER), None).expect("root may");
    refused(append(&lab.options), "belongs to another user");
    refused(Reader::new(&lab.options).position(), "belongs to another user");

    let folder = lab.options.path.with_file_name("theirs");
    fs::create_dir(&folder).expect("created");
    chown(&folder, Some(ANOTHER), None).expect("root may");
    lab.options.path = folder.join("history.db");
    refused(append(&lab.options), "belongs to another user");
    refused(spool(&lab.options, vec![draft(EventType::Started, "a").into()]), "belongs to another user");
    assert_eq!(fs::read_dir(&folder).expect("readable").count(), 0);
}

#[test]
fn what_was_left_open_to_others_is_closed() {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Started, "a"));
    let left = spool(&lab.options, vec![draft(EventType::Started, "b").into()]).expect("spooled");
    let spool_folder = left.parent().expect("a folder").to_owned();
    for path in [lab.options.path.clone(), lab.options.bell_path()] {
        set_mode(&path, 0o666);
    }
    set_mode(&spool_folder, 0o755);
    append(&lab.options).expect("written");
    spool(&lab.options, vec![draft(EventType::Started, "c").into()]).expect("spooled");
    let modes = [lab.options.path.clone(), lab.options.bell_path(), spool_folder].map(|path| mode(&path));
    assert_eq!(modes, [0o600, 0o600, 0o700]);
}
