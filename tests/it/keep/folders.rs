//! Coders' folders are watched: what a shell changed is the coder's whose command it was, or its author is unknown.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use serde_json::{Value, json};

use super::{KeptHome, silent, wait_for};
use crate::home::feed;

/// A folder that fake agents work in.
struct Shop {
    home: KeptHome,
    folder: PathBuf,
}

impl Shop {
    fn new() -> Shop {
        Shop::with("", |_| {})
    }

    /// With this configuration, and what was there before.
    fn with(keeper: &str, prepare: impl FnOnce(&Path)) -> Shop {
        let home = KeptHome::with(keeper);
        let folder = fs::canonicalize(home.0.path()).unwrap().join("shop");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.txt"), "one\n").unwrap();
        prepare(&folder);
        Shop { home, folder }
    }

    /// Begins a session; returns once its folder is watched.
    fn begin(&self, session: &str) {
        self.hook("SessionStart", session, json!({"source": "startup"}));
        self.home.status_when(|status| status["folders"] == json!([self.folder]));
    }

    fn hook(&self, event: &str, session: &str, more: Value) {
        let mut payload = json!({"hook_event_name": event, "session_id": session, "cwd": self.folder, "prompt_id": "p"});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.home.hook(&payload);
    }

    fn end_turn(&self, session: &str) {
        self.hook("Stop", session, json!({"last_assistant_message": "Done."}));
    }

    /// Runs it as the agent's shell tool does, whose hook tells how long it took. Between two tools lies a model's answer.
    fn shell(&self, session: &str, id: &str, command: &str) {
        let begun = Instant::now();
        self.change(&format!("sleep 0.1; {command}"));
        self.shell_ended(session, id, begun);
    }

    /// Runs it as nobody's.
    fn change(&self, command: &str) {
        assert!(Command::new("sh").args(["-c", command]).current_dir(&self.folder).status().unwrap().success(), "{command}");
    }

    fn shell_ended(&self, session: &str, id: &str, begun: Instant) {
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap();
        self.tool_ended(session, "Bash", id, json!({"command": "…"}), duration_ms);
    }

    fn tool_ended(&self, session: &str, tool: &str, id: &str, input: Value, duration_ms: u64) {
        let about =
            json!({"tool_name": tool, "tool_use_id": id, "tool_input": input, "tool_response": {}, "duration_ms": duration_ms});
        self.hook("PostToolUse", session, about);
    }

    /// What was recorded of files once the keeper has told all that it knows, by path: of whom, what, and which.
    fn told(&self) -> Vec<String> {
        silent(&feed(self.home.command(&["keep", "--stop"]), b""));
        self.files()
    }

    fn files(&self) -> Vec<String> {
        let said = |event: Value| {
            let name = Path::new(event["file_path"].as_str().unwrap()).strip_prefix(&self.folder).unwrap().to_owned();
            let coder = event["coder_id"].as_str().unwrap().trim_start_matches("claude-code:").to_owned();
            format!("{} {coder} {}", name.display(), event["operation"].as_str().unwrap())
        };
        let mut files: Vec<String> = self.events().into_iter().map(said).collect();
        files.sort();
        files
    }

    fn events(&self) -> Vec<Value> {
        self.home.0.json(&["list", "--type", "workspace.*", "--limit", "0"])
    }

    fn coder(&self, id: &str) -> Value {
        self.home.0.json(&["coders", "--limit", "0"]).into_iter().find(|coder| coder["coder_id"] == id).expect(id)
    }
}

#[test]
fn what_a_command_changed_is_its_coders() {
    let shop = Shop::new();
    shop.begin("s");
    shop.shell("s", "t1", "sed -i s/one/two/ a.txt");
    // By itself, while it goes on.
    wait_for(|| (shop.files() == ["a.txt s modify"]).then_some(()));
    let event = shop.events().remove(0);
    assert_eq!((&event["type"], &event["source"]), (&json!("ai_coder_file_modified"), &json!("keep")));
    assert_eq!((&event["data"]["watched"], &event["data"]["tool_use_id"]), (&json!(true), &json!("t1")), "{event}");
    assert_eq!(event["file_size"], 4);
    let coder = shop.coder("claude-code:s");
    assert_eq!((&coder["source"], &coder["files_touched"]), (&json!("claude-code"), &json!(1)));

    shop.shell("s", "t2", "mv a.txt b.txt; mkdir new; cp b.txt new/c.txt; touch gone; rm gone");
    shop.end_turn("s");
    let told = ["a.txt s delete", "a.txt s modify", "b.txt s create", "new/c.txt s create"];
    assert_eq!(shop.told(), told);
}

#[test]
fn what_a_command_changes_is_told_while_it_goes_on() {
    let shop = Shop::new();
    shop.begin("s");
    shop.begin("other");
    for session in ["other", "s"] {
        shop.hook("PreToolUse", session, json!({"tool_name": "Bash", "tool_use_id": session, "tool_input": {"command": "make"}}));
        if session == "other" {
            shop.shell_ended(session, session, Instant::now());
        }
    }
    shop.change("sleep 1.2; echo two >> a.txt");
    wait_for(|| (shop.files() == ["a.txt s modify"]).then_some(()));
    assert_eq!(shop.coder("claude-code:s")["source"], "claude-code", "the keeper's word is the latest, and not whose it is");
    // Over and over is told once for each look that people take.
    shop.change("echo three >> a.txt");
    shop.change("sleep 0.2; echo four >> a.txt; echo > b.txt");
    shop.shell_ended("s", "s", Instant::now());
    shop.end_turn("s");
    assert_eq!(shop.told(), ["a.txt s modify", "a.txt s modify", "b.txt s create"]);
}

#[test]
fn what_a_tool_told_is_there_once() {
    let shop = Shop::new();
    shop.begin("s");
    let path = shop.folder.join("new.txt");
    fs::write(&path, "new\n").unwrap();
    shop.tool_ended("s", "Write", "t1", json!({"file_path": path, "content": "new\n"}), 5);
    shop.shell("s", "t2", "sed -i s/new/newer/ new.txt && rm a.txt");
    let removed = json!({"command": "rm b.txt"});
    shop.shell("s", "t3", "echo > b.txt");
    fs::remove_file(shop.folder.join("b.txt")).unwrap();
    shop.tool_ended("s", "Bash", "t4", removed, 5);
    shop.end_turn("s");
    let told = shop.told();
    let of = |name: &str| told.iter().filter(|told| told.starts_with(name)).cloned().collect::<Vec<_>>();
    // The response does not say that it is a new one.
    assert_eq!(of("new.txt").len(), 2, "the tool's, and the command's: {told:?}");
    assert_eq!(of("a.txt"), ["a.txt s delete"]);
    assert_eq!(of("b.txt s delete"), ["b.txt s delete"], "told by the command's own words: {told:?}");
}

#[test]
fn where_two_were_at_work_the_author_is_unknown() {
    let shop = Shop::new();
    shop.begin("one");
    shop.begin("other");
    let begun = Instant::now();
    shop.change("echo two >> a.txt");
    shop.shell_ended("one", "t1", begun);
    shop.shell_ended("other", "t2", begun);
    assert_eq!(shop.told(), ["a.txt unknown-author modify"]);
    let found = shop.home.0.json(&["list", "--path", "a.txt"]);
    assert_eq!(found[0]["data"]["at_work"], json!(["claude-code:one", "claude-code:other"]), "{found:?}");
    let nobody = shop.coder("unknown-author");
    assert_eq!((&nobody["status"], &nobody["coder_name"]), (&json!("stopped"), &json!("unknown author")), "{nobody}");
    assert_eq!(shop.home.0.json(&["list", "--type", "system_warning"]), [] as [Value; 0], "nobody is in nobody's way");
}

#[test]
fn what_happens_while_nobody_is_at_work_is_nobodys() {
    let shop = Shop::new();
    shop.begin("s");
    shop.end_turn("s");
    shop.change("echo two >> a.txt");
    wait_for(|| (shop.files() == ["a.txt unknown-author modify"]).then_some(()));
    assert_eq!(shop.events()[0]["data"]["at_work"], json!([]));
    shop.change("echo three >> a.txt; echo > b.txt");
    assert_eq!(shop.told(), ["a.txt unknown-author modify", "a.txt unknown-author modify", "b.txt unknown-author create"]);
    shop.home.0.ok(&["check"]);
}

#[test]
fn commands_of_two_on_one_file_are_in_each_others_way() {
    let shop = Shop::new();
    shop.begin("one");
    shop.begin("other");
    shop.shell("one", "t1", "echo two >> a.txt");
    // What the other was at meanwhile is known once it has done something.
    shop.tool_ended("other", "Read", "t2", json!({"file_path": shop.folder.join("a.txt")}), 5);
    wait_for(|| (shop.files() == ["a.txt one modify"]).then_some(()));
    shop.shell("other", "t3", "echo three >> a.txt");
    shop.end_turn("one");
    let warnings = wait_for(|| Some(shop.home.0.json(&["list", "--type", "system_warning"])).filter(|it| !it.is_empty()));
    assert_eq!(warnings[0]["warning"], "file_conflict", "{warnings:?}");
    assert_eq!(warnings[0]["data"]["coder_ids"], json!(["claude-code:one", "claude-code:other"]));
    assert_eq!(shop.told(), ["a.txt one modify", "a.txt other modify"]);
}

#[test]
fn what_git_ignores_is_nobodys_business() {
    let shop = Shop::with("", |folder| fs::write(folder.join(".gitignore"), "target/\n*.log\n").unwrap());
    shop.begin("s");
    shop.shell("s", "t1", "mkdir target .git; echo > target/x; echo > a.log; echo > .git/index; echo > b.txt");
    assert_eq!(shop.told(), ["b.txt s create"]);
}

#[test]
fn a_folder_is_watched_as_long_as_somebody_works_there() {
    let shop = Shop::new();
    shop.begin("one");
    shop.begin("other");
    shop.hook("SessionEnd", "one", json!({"reason": "other"}));
    shop.shell("other", "t1", "echo > b.txt");
    wait_for(|| (shop.files() == ["b.txt other create"]).then_some(()));
    shop.hook("SessionEnd", "other", json!({"reason": "other"}));
    shop.home.status_when(|status| status["folders"] == json!([]));
    shop.change("echo > c.txt");
    assert_eq!(shop.told(), ["b.txt other create"]);
}

/// Which reasons were given for a folder that is not watched, and to whom.
fn unwatched(shop: &Shop) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told: Vec<(String, String)> = shop
        .events()
        .iter()
        .filter(|event| event["operation"] == "unwatched")
        .map(|event| (text(&event["coder_id"]), text(&event["data"]["reason"])))
        .collect();
    told.sort();
    told
}

#[test]
fn a_folder_that_is_too_large_is_told_once_to_each() {
    let many = |folder: &Path| (0..40_001).for_each(|nth| drop(fs::File::create(folder.join(nth.to_string())).unwrap()));
    let shop = Shop::with("", many);
    shop.hook("SessionStart", "one", json!({"source": "startup"}));
    wait_for(|| (unwatched(&shop).len() == 1).then_some(()));
    shop.hook("SessionStart", "other", json!({"source": "startup"}));
    shop.shell("one", "t1", "echo > b.txt");
    shop.told();
    let reason = "there are more than 40000 files to watch: those here are not watched".to_owned();
    assert_eq!(unwatched(&shop), [("claude-code:one".into(), reason.clone()), ("claude-code:other".into(), reason)]);
    assert_eq!(shop.events().len(), 2);
}

#[test]
fn the_home_folder_is_not_watched_as_a_whole() {
    let shop = Shop::new();
    let home = fs::canonicalize(shop.home.0.path()).unwrap();
    shop.hook("SessionStart", "s", json!({"cwd": home, "source": "startup"}));
    let told = wait_for(|| Some(unwatched(&shop)).filter(|told| !told.is_empty()));
    assert_eq!(told.len(), 1);
    assert!(told[0].1.starts_with("the home folder is not watched as a whole"), "{told:?}");
}

#[test]
fn who_does_not_want_folders_watched_has_none_watched() {
    let shop = Shop::with("watch_folders = false", |_| {});
    shop.hook("SessionStart", "s", json!({"source": "startup"}));
    shop.home.running();
    shop.shell("s", "t1", "echo > b.txt");
    assert_eq!(shop.told(), [""; 0]);
}

/// What a keeper that is killed had seen, or had no time to see, the next one finds by the files' own times.
#[test]
fn another_keeper_goes_on_where_one_was_killed() {
    let shop = Shop::new();
    shop.begin("s");
    shop.shell("s", "t1", "sed -i s/one/two/ a.txt");
    wait_for(|| (shop.files() == ["a.txt s modify"]).then_some(()));
    shop.home.kill();
    shop.shell("s", "t2", "echo > b.txt");
    shop.end_turn("s");
    shop.home.status_when(|status| status["folders"] == json!([shop.folder]));
    assert_eq!(shop.told(), ["a.txt s modify", "b.txt s create"]);
}
