//! A page into a file, or to stdout.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use ai_coder_events::history::{HistoryFiles, Options};
use anyhow::{Context, bail};

/// The name that stands for stdout.
pub const STDOUT: &str = "-";

/// # Errors
/// Where it cannot be written, and where it would be written over a history.
pub fn write(file: &Path, page: &str, options: &Options) -> anyhow::Result<()> {
    if file == Path::new(STDOUT) {
        let mut out = io::stdout().lock();
        out.write_all(page.as_bytes())?;
        return Ok(out.flush()?);
    }
    let is_of_a_history = fs::metadata(file).is_ok_and(|metadata| HistoryFiles::of(options).hold(file, &metadata));
    if is_of_a_history {
        bail!("`{}` belongs to a history: name another file", file.display());
    }
    fs::write(file, page).with_context(|| format!("failed to write `{}`", file.display()))
}
