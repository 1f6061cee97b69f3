//! Where the history lies, and what the configuration file decides.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::home::{Home, Said, feed};

#[test]
fn flag_before_variable_before_state_folder() {
    let home = Home::new();
    let emit = |words: &[&str], db: Option<&str>| {
        let mut command = home.command(words);
        command.args(["emit", "created", "--coder", "a"]).envs(db.map(|db| ("AI_CODER_EVENTS_DB", db)));
        assert_eq!(feed(command, b"").code, Some(0));
    };
    emit(&[], None);
    emit(&[], Some(""));
    emit(&[], Some("variable.db"));
    emit(&["--db", "flag.db"], Some("variable.db"));
    let count = |db: &str| home.json(&["list", "--db", db]).len();
    assert_eq!(home.json(&["list"]).len(), 2);
    assert_eq!((count("variable.db"), count("flag.db")), (1, 1));
}

#[test]
fn the_history_is_private_whatever_the_umask() {
    for umask in ["000", "022", "777"] {
        let home = Home::new();
        let program = home.command(&["emit", "created", "--coder", "a"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(program.get_program()).args(program.get_args());
        shell.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        assert_eq!(feed(shell, b"").code, Some(0), "umask {umask}");
        let folder = home.history().parent().unwrap().to_owned();
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "umask {umask}");
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(mode(&path), 0o600, "umask {umask}: {}", path.display());
        }
    }
}

#[test]
fn an_unknown_key_is_an_error_that_names_it_and_its_file() {
    let home = Home::new();
    home.configure("[retention]\nmax_agee = \"9d\"\n");
    let Said { code, stdout, stderr } = home.run(&["list"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("`max_agee`") && stderr.contains("config.toml"), "{stderr}");
    assert!(home.ok(&["types"]).contains("ai_coder_created"), "the table of types needs no configuration");
}

#[test]
fn patterns_of_ones_own_are_redacted() {
    let home = Home::new();
    home.configure("[redact]\npatterns = [{ name = \"badge\", regex = \"B-[0-9]+\" }]\n");
    home.ok(&["emit", "progress", "--coder", "a", "--set", "description=issued B-4711 today"]);
    let said = home.json(&["list"])[0]["description"].as_str().unwrap().to_owned();
    assert!(said.starts_with("issued ") && said.ends_with(" today") && !said.contains("4711"), "{said}");

    home.configure("[redact]\npatterns = [{ name = \"broken\", regex = \"(\" }]\n");
    let Said { code, stderr, .. } = home.run(&["list"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("`broken`"), "{stderr}");
}
