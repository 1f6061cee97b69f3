//! The schema of one database given to a copy of another, whose own is damaged.
//!
//! It holds where the tables begin. A database that gives pages back (`auto_vacuum`) keeps the first pages of its tables at
//! its beginning, in the order in which they were created: those of all histories lie on the same pages, so that the schema
//! of a new one fits. The format: <https://www.sqlite.org/fileformat2.html>

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
};

use crate::history::store::{file, options::with_suffix};

/// SQLite's own default, which all histories have.
const PAGE_BYTES: usize = 4096;
/// Where the header of the database ends, and that of its first page begins.
const PAGE_HEADER: usize = 100;
/// The kind of a page that only points to others.
const INTERIOR_TABLE: u8 = 5;

/// Copies a database with its log, for the eyes of its owner only.
pub fn copy(database: &Path, log: &Path, copy: &Path) -> io::Result<()> {
    copy_file(database, copy)?;
    match copy_file(log, &with_suffix(copy, "-wal")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut original = File::open(from)?;
    io::copy(&mut original, &mut file::open_private(OpenOptions::new().write(true).create_new(true), to)?).map(drop)
}

/// Puts the first page of `pattern`, and copies of the pages it points to behind all others, into `copy`.
pub fn give_schema(pattern: &Path, copy: &Path) -> io::Result<()> {
    let mut pattern = File::open(pattern)?;
    let mut copy = OpenOptions::new().write(true).open(copy)?;
    let mut first = read_page(&mut pattern, 1)?;
    let mut pages = u32::try_from(copy.metadata()?.len().div_ceil(PAGE_BYTES as u64)).unwrap_or(u32::MAX).max(1);
    for at in pointers(&first) {
        let pointed = read_page(&mut pattern, number(&first, at))?;
        pages += 1;
        write_page(&mut copy, pages, &pointed)?;
        put(&mut first, at, pages);
    }
    // The size in pages; the list of free pages, of which nothing is known, and of which nobody who only reads has need.
    for (at, number) in [(28, pages), (32, 0), (36, 0)] {
        put(&mut first, at, number);
    }
    write_page(&mut copy, 1, &first)
}

/// Where the first page points to others: the last one from its header, the rest each from a cell.
fn pointers(first: &[u8]) -> Vec<usize> {
    if first[PAGE_HEADER] != INTERIOR_TABLE {
        return Vec::new();
    }
    let short = |at: usize| usize::from(u16::from_be_bytes([first[at], first[at + 1]]));
    let cells = short(PAGE_HEADER + 3);
    let cell = |index: usize| short(PAGE_HEADER + 12 + 2 * index);
    (0..cells).map(cell).chain([PAGE_HEADER + 8]).collect()
}

fn number(page: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]])
}

fn put(page: &mut [u8], at: usize, number: u32) {
    page[at..at + 4].copy_from_slice(&number.to_be_bytes());
}

fn read_page(file: &mut File, number: u32) -> io::Result<Vec<u8>> {
    let mut page = vec![0; PAGE_BYTES];
    file.seek(place_of(number))?;
    file.read_exact(&mut page)?;
    Ok(page)
}

fn write_page(file: &mut File, number: u32, page: &[u8]) -> io::Result<()> {
    file.seek(place_of(number))?;
    file.write_all(page)
}

/// Pages are counted from one.
fn place_of(number: u32) -> SeekFrom {
    SeekFrom::Start(u64::from(number - 1) * PAGE_BYTES as u64)
}
