//! A disk that can be told to fail: stands between SQLite and its files, counts what is written, and remembers what was
//! synced, so that a power cut can take the rest away.
//!
//! Only the databases for which a [`Disk`] exists are concerned; all others go straight to the system.

#![allow(unsafe_code, reason = "SQLite's file system interface is one of C; nothing of it is shipped")]

use std::{
    collections::BTreeMap,
    ffi::{CStr, c_char, c_int, c_void},
    fs,
    path::{Path, PathBuf},
    ptr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No room: nothing is written.
    Full,
    /// Half of it is written, then there is no room.
    ShortWrite,
    /// The device fails.
    Broken,
    /// Everything is written, but to make it last fails.
    Sync,
    /// The process dies: from here on nothing reaches the disk.
    Death,
}

/// One database with its log.
pub struct Disk {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Writes, truncations and syncs so far.
    steps: u64,
    /// What goes wrong at which step, and for how many steps.
    fault: Option<(Fault, u64, u64)>,
    dead: bool,
    files: BTreeMap<PathBuf, Contents>,
}

/// A file as a power cut would leave it, and what was done to it since.
#[derive(Default)]
struct Contents {
    durable: Vec<u8>,
    since: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// Devices write sectors whole.
const SECTOR: usize = 512;

impl Disk {
    pub fn under(path: &Path) -> Arc<Disk> {
        register();
        let disk = Arc::new(Disk { path: path.to_owned(), state: Mutex::default() });
        DISKS.lock().unwrap().push(Arc::downgrade(&disk));
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Has `fault` happen at step `at`, counted from the first, and at the `steps` that follow it.
    pub fn fail(&self, fault: Fault, at: u64, steps: u64) {
        self.state().fault = Some((fault, at, at.saturating_add(steps)));
    }

    /// The process is another one: what was written is there, whether synced or not.
    pub fn revive(&self) {
        let mut state = self.state();
        (state.fault, state.dead) = (None, false);
    }

    /// The power goes and comes again: of what was not synced, `keeps` says for each sector whether it reached the disk.
    /// Nobody may have the database open.
    pub fn cut_power(&self, mut keeps: impl FnMut() -> bool) {
        let mut state = self.state();
        for (path, contents) in &mut state.files {
            for change in contents.since.drain(..) {
                match change {
                    Change::Write(at, bytes) => {
                        for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                            if keeps() {
                                write_into(&mut contents.durable, at + n * SECTOR, sector);
                            }
                        }
                    }
                    Change::Truncate(length) => {
                        if keeps() {
                            contents.durable.truncate(length);
                        }
                    }
                }
            }
            fs::write(path, &contents.durable).unwrap();
        }
        // It is memory, and made anew.
        fs::remove_file(self.path.with_extension("db-shm")).unwrap_or_default();
        (state.fault, state.dead) = (None, false);
    }

    /// What becomes of the next step: 0, or SQLite's code for what went wrong.
    fn step(&self) -> Outcome {
        let mut state = self.state();
        if state.dead {
            return Outcome::Fails(Fault::Death);
        }
        let step = state.steps;
        state.steps += 1;
        match state.fault {
            Some((fault, from, to)) if (from..=to).contains(&step) => {
                state.dead = fault == Fault::Death;
                Outcome::Fails(fault)
            }
            _ => Outcome::Works,
        }
    }

    fn wrote(&self, path: &Path, at: sqlite3_int64, bytes: &[u8]) {
        let change = Change::Write(usize::try_from(at).unwrap(), bytes.to_owned());
        self.state().files.entry(path.to_owned()).or_default().since.push(change);
    }

    fn truncated(&self, path: &Path, length: sqlite3_int64) {
        let change = Change::Truncate(usize::try_from(length).unwrap());
        self.state().files.entry(path.to_owned()).or_default().since.push(change);
    }

    fn synced(&self, path: &Path) {
        let mut state = self.state();
        let contents = state.files.entry(path.to_owned()).or_default();
        for change in contents.since.drain(..) {
            match change {
                Change::Write(at, bytes) => write_into(&mut contents.durable, at, &bytes),
                Change::Truncate(length) => contents.durable.truncate(length),
            }
        }
    }

    fn deleted(&self, path: &Path) {
        self.state().files.remove(path);
    }
}

enum Outcome {
    Works,
    Fails(Fault),
}

fn write_into(contents: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if contents.len() < at + bytes.len() {
        contents.resize(at + bytes.len(), 0);
    }
    contents[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A test's disk goes with the test.
static DISKS: Mutex<Vec<Weak<Disk>>> = Mutex::new(Vec::new());

fn disk_of(path: &Path) -> Option<Arc<Disk>> {
    let mut disks = DISKS.lock().unwrap();
    disks.retain(|disk| disk.strong_count() > 0);
    let is_its = |disk: &Arc<Disk>| path == disk.path || path == disk.path.with_extension("db-wal");
    disks.iter().filter_map(Weak::upgrade).find(is_its)
}

/// The system's own interface, which does the work.
struct System(*mut sqlite3_vfs);
unsafe impl Send for System {}
unsafe impl Sync for System {}

static SYSTEM: OnceLock<System> = OnceLock::new();

fn system() -> *mut sqlite3_vfs {
    SYSTEM.get().unwrap().0
}

fn register() {
    SYSTEM.get_or_init(|| unsafe {
        let system = ffi::sqlite3_vfs_find(ptr::null());
        let mut ours = Box::new(*system);
        ours.zName = c"disk".as_ptr();
        ours.szOsFile = (*system).szOsFile + HEAD_BYTES as c_int;
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        // Lives as long as the process.
        assert_eq!(ffi::sqlite3_vfs_register(Box::into_raw(ours), 1), ffi::SQLITE_OK);
        System(system)
    });
}

/// An open file of a disk; the system's own follows it in memory.
#[repr(C)]
struct Watched {
    base: sqlite3_file,
    of: *mut Of,
}

struct Of {
    disk: Arc<Disk>,
    path: PathBuf,
}

const HEAD_BYTES: usize = size_of::<Watched>().next_multiple_of(16);

unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
    unsafe { file.byte_add(HEAD_BYTES) }
}

unsafe fn of<'f>(file: *mut sqlite3_file) -> &'f Of {
    unsafe { &*(*file.cast::<Watched>()).of }
}

unsafe fn methods(file: *mut sqlite3_file) -> &'static sqlite3_io_methods {
    unsafe { &*(*inner(file)).pMethods }
}

unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    Some(PathBuf::from(unsafe { CStr::from_ptr(name) }.to_str().unwrap()))
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        let system_open = (*system()).xOpen.unwrap();
        let watched = path_of(name).and_then(|path| Some(Of { disk: disk_of(&path)?, path }));
        let Some(watched) = watched else { return system_open(system(), name, file, flags, out) };
        (*file).pMethods = ptr::null();
        let opened = system_open(system(), name, inner(file), flags, out);
        if opened == ffi::SQLITE_OK {
            (*file.cast::<Watched>()).of = Box::into_raw(Box::new(watched));
            (*file).pMethods = &raw const METHODS;
        }
        opened
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    unsafe {
        if let Some(path) = path_of(name)
            && let Some(disk) = disk_of(&path)
        {
            if let Outcome::Fails(_) = disk.step() {
                return ffi::SQLITE_IOERR_DELETE;
            }
            disk.deleted(&path);
        }
        (*system()).xDelete.unwrap()(system(), name, sync_folder)
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    unsafe {
        let closed = methods(file).xClose.unwrap()(inner(file));
        drop(Box::from_raw((*file.cast::<Watched>()).of));
        closed
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, length: c_int, at: sqlite3_int64) -> c_int {
    unsafe {
        let Of { disk, path } = of(file);
        let given = std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(length).unwrap());
        let (kept, outcome) = match disk.step() {
            Outcome::Works | Outcome::Fails(Fault::Sync) => (given.len(), ffi::SQLITE_OK),
            Outcome::Fails(Fault::ShortWrite) => (given.len() / 2, ffi::SQLITE_FULL),
            Outcome::Fails(Fault::Full) => (0, ffi::SQLITE_FULL),
            Outcome::Fails(Fault::Broken | Fault::Death) => (0, ffi::SQLITE_IOERR_WRITE),
        };
        if kept > 0 {
            let written = methods(file).xWrite.unwrap()(inner(file), bytes, kept as c_int, at);
            if written != ffi::SQLITE_OK {
                return written;
            }
            disk.wrote(path, at, &given[..kept]);
        }
        outcome
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: sqlite3_int64) -> c_int {
    unsafe {
        let Of { disk, path } = of(file);
        match disk.step() {
            Outcome::Works | Outcome::Fails(Fault::Sync | Fault::Full | Fault::ShortWrite) => {
                disk.truncated(path, length);
                methods(file).xTruncate.unwrap()(inner(file), length)
            }
            Outcome::Fails(Fault::Broken | Fault::Death) => ffi::SQLITE_IOERR_TRUNCATE,
        }
    }
}

/// To the system's own it is not passed on: what lasts is decided here, and the tests are quicker.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    let Of { disk, path } = unsafe { of(file) };
    match disk.step() {
        Outcome::Works | Outcome::Fails(Fault::Full | Fault::ShortWrite) => {
            disk.synced(path);
            ffi::SQLITE_OK
        }
        Outcome::Fails(Fault::Sync | Fault::Broken | Fault::Death) => ffi::SQLITE_IOERR_FSYNC,
    }
}

unsafe extern "C" fn read(file: *mut sqlite3_file, bytes: *mut c_void, length: c_int, at: sqlite3_int64) -> c_int {
    unsafe { methods(file).xRead.unwrap()(inner(file), bytes, length, at) }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    unsafe { methods(file).xFileSize.unwrap()(inner(file), size) }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    unsafe { methods(file).xLock.unwrap()(inner(file), level) }
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    unsafe { methods(file).xUnlock.unwrap()(inner(file), level) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, is_held: *mut c_int) -> c_int {
    unsafe { methods(file).xCheckReservedLock.unwrap()(inner(file), is_held) }
}

unsafe extern "C" fn file_control(file: *mut sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    unsafe { methods(file).xFileControl.unwrap()(inner(file), operation, argument) }
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    unsafe { methods(file).xSectorSize.unwrap()(inner(file)) }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    unsafe { methods(file).xDeviceCharacteristics.unwrap()(inner(file)) }
}

unsafe extern "C" fn shm_map(file: *mut sqlite3_file, page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int {
    unsafe { methods(file).xShmMap.unwrap()(inner(file), page, size, extend, out) }
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    unsafe { methods(file).xShmLock.unwrap()(inner(file), offset, count, flags) }
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    unsafe { methods(file).xShmBarrier.unwrap()(inner(file)) }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    unsafe { methods(file).xShmUnmap.unwrap()(inner(file), delete) }
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // Without memory maps, which would go round this.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
