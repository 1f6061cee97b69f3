//! Where the keeper of a history is reached: a port of its own on loopback, and a secret in the path.
//!
//! The port follows from the user and the history, so that `setup` can write it into agents' configuration before any
//! keeper runs. Everybody on the machine can reach a port; the path is the one form of token that every agent can send.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    ops::Range,
    path::Path,
};

use uuid::Uuid;

use crate::history::{Options, open_private, user};

use super::KeeperSettings;

/// Below what Linux and macOS hand out to outgoing connections, above what services register.
const PORTS: Range<u16> = 20_000..32_000;
/// A secret is some 40 characters; whatever else lies there is none.
const SECRET_BYTES_MAX: u64 = 256;

/// The port of `options`' history.
pub fn port(options: &Options, settings: &KeeperSettings) -> u16 {
    settings.port.unwrap_or_else(|| port_of(user(), &options.path))
}

fn port_of(user: u32, history: &Path) -> u16 {
    // FNV-1a: the same in every version, which a hasher of the library is not.
    let bytes = user.to_le_bytes().into_iter().chain(history.to_string_lossy().bytes().collect::<Vec<u8>>());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let nth = (hash ^ (hash >> 32)) % u64::from(PORTS.end - PORTS.start);
    PORTS.start + u16::try_from(nth).unwrap_or_default()
}

/// The secret of `options`' history, where one was made.
pub fn known_secret(options: &Options) -> Option<String> {
    read_secret(&options.secret_path()).ok().flatten()
}

/// The secret of `options`' history: whoever needs it first makes it.
///
/// # Errors
/// Where it can be neither read nor made.
pub fn made_secret(options: &Options) -> io::Result<String> {
    made(&options.secret_path())
}

/// The token by which clients come in over HTTP, where one was made.
pub fn known_token(options: &Options) -> Option<String> {
    read_secret(&options.token_path()).ok().flatten()
}

/// The same, made likewise: who knows the keeper's secret may only tell, not ask.
///
/// # Errors
/// As [`made_secret`].
pub fn made_token(options: &Options) -> io::Result<String> {
    made(&options.token_path())
}

fn made(path: &Path) -> io::Result<String> {
    if let Some(secret) = read_secret(path)? {
        return Ok(secret);
    }
    let secret = Uuid::new_v4().simple().to_string();
    let mut draft = path.to_owned().into_os_string();
    draft.push(format!(".{secret}"));
    let draft = Path::new(&draft);
    let mut file = open_private(OpenOptions::new().write(true).create_new(true), draft)?;
    let made = file.write_all(format!("{secret}\n").as_bytes()).and_then(|()| put(draft, path));
    // Where it was renamed it is gone already.
    drop(fs::remove_file(draft));
    made?;
    // Another process may have been faster.
    read_secret(path)?.ok_or_else(|| io::Error::other("the secret is gone again"))
}

/// Whole or not at all, and only where there is none.
fn put(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && read_secret(path)?.is_some() => Ok(()),
        // What lies there is no secret, or the file system knows no second name for a file.
        Err(_) => fs::rename(draft, path),
        Ok(()) => Ok(()),
    }
}

fn read_secret(path: &Path) -> io::Result<Option<String>> {
    let file = match open_private(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
    let secret = text.trim();
    Ok(is_secret(secret).then(|| secret.to_owned()))
}

fn is_secret(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether `endpoint` is some keeper's: `http://127.0.0.1:PORT/k/SECRET`, and what stands behind that.
pub fn is_keeper_endpoint(endpoint: &str) -> bool {
    let Some((port, path)) = endpoint.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split_once("/k/")) else {
        return false;
    };
    port.parse::<u16>().is_ok() && is_secret(path.split('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_the_users_and_the_historys_and_stays() {
        let check = |user: u32, history: &str, expected: u16| assert_eq!(port_of(user, Path::new(history)), expected);
        // Agents' configuration holds these: they may not change.
        check(0, "/root/.local/state/ai-coder-events/history.db", 25_850);
        check(1000, "/home/dev/.local/state/ai-coder-events/history.db", 21_664);
        let options = Options::new("/h.db");
        assert!(PORTS.contains(&port(&options, &KeeperSettings::default())));
        assert_eq!(port(&options, &KeeperSettings { port: Some(4318), ..KeeperSettings::default() }), 4318);
    }

    #[test]
    fn a_secret_is_made_once_whoever_needs_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path().join("h.db"));
        assert_eq!(known_secret(&options), None);
        let makers: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn({
                    let options = options.clone();
                    move || made_secret(&options)
                })
            })
            .collect();
        let made: Vec<String> = makers.into_iter().map(|maker| maker.join().expect("no panic").expect("made")).collect();
        let known = known_secret(&options).expect("it is there");
        assert!(is_secret(&known) && made.iter().all(|secret| *secret == known), "{made:?}");
        assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 1, "no drafts stay");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(options.secret_path()).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(options.secret_path(), "torn").expect("writes");
        assert_ne!(made_secret(&options).expect("made anew"), known);
    }

    #[test]
    fn a_keepers_endpoint_is_known_by_its_form() {
        let secret = "0123456789abcdef0123456789abcdef";
        let check = |endpoint: String, expected: bool| assert_eq!(is_keeper_endpoint(&endpoint), expected, "{endpoint}");
        check(format!("http://127.0.0.1:24440/k/{secret}"), true);
        check(format!("http://127.0.0.1:24440/k/{secret}/v1/logs"), true);
        check(format!("https://otel.example.com/k/{secret}"), false);
        check("http://127.0.0.1:4318".into(), false);
        check("http://127.0.0.1:4318/k/mine".into(), false);
    }
}
