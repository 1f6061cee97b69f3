//! What goes to stderr: clean, and without secrets. Whoever keeps it, such as a log of a CI run, may be anybody.

use std::{
    io::{self, Write},
    sync::{Arc, OnceLock},
};

use crate::{
    config::{Config, Environment},
    text::{self, Redactor},
};

pub use crate::text::with_causes;

/// With the user's own patterns. Most processes never say a word: the configuration is read for this once one does.
fn redactor() -> &'static Redactor {
    static REDACTOR: OnceLock<Arc<Redactor>> = OnceLock::new();
    REDACTOR.get_or_init(|| {
        let configured = Config::for_hook(None, &Environment::of_process());
        configured.map(|config| config.history.redactor).unwrap_or_default()
    })
}

/// `message` as it may be seen.
pub fn cleaned(message: &str) -> String {
    redactor().redact(&text::clean_text(message)).into_owned()
}

/// One line on stderr. Where that is gone, nothing is left to say it to.
pub fn complain(message: &str) {
    drop(writeln!(io::stderr(), "{}", cleaned(message)));
}

/// The same for a log, whose lines come as they are to be written.
#[derive(Debug)]
pub struct RedactedLog;

impl Write for RedactedLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        io::stderr().write_all(redactor().redact(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
