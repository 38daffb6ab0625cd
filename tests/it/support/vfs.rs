//! An SQLite VFS that wraps the default one, and does to the files of a folder what the `disk` of a test commands. It must
//! never touch a folder that no test has registered: the other tests run beside it.
//!
//! The only file of the crate with `unsafe`: SQLite takes a VFS by pointers alone. A commanded folder is never really
//! synced; what a sync is worth is for the test to say.

#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use super::disk::{Event, Kind, Shared, commanding, lock};

/// What stands in SQLite's memory for an open file of a commanded folder; the wrapped file follows it.
#[repr(C)]
struct Shim {
    base: sqlite3_file,
    owner: *mut Owner,
}

struct Owner {
    name: String,
    state: Shared,
}

struct Vfs(*mut sqlite3_vfs);
// SAFETY: the default VFS lives as long as the process and SQLite itself uses it from all threads.
unsafe impl Send for Vfs {}
// SAFETY: as above.
unsafe impl Sync for Vfs {}

static REAL: OnceLock<Vfs> = OnceLock::new();

fn real_vfs() -> *mut sqlite3_vfs {
    REAL.get().expect("registered").0
}

pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the found VFS is never freed; the copy is leaked, as SQLite keeps it for the process's life. All
        // functions but the two replaced ones are the wrapped VFS's own, which takes its data from the copied fields.
        unsafe {
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!real.is_null());
            assert!(REAL.set(Vfs(real)).is_ok());
            let mut shim = *real;
            shim.pNext = std::ptr::null_mut();
            shim.zName = c"commanded".as_ptr();
            shim.szOsFile += size_of::<Shim>() as c_int;
            shim.xOpen = Some(open);
            shim.xDelete = Some(delete);
            let made = ffi::sqlite3_vfs_register(Box::into_raw(Box::new(shim)), 1);
            assert_eq!(made, ffi::SQLITE_OK);
        }
    });
}

/// The command over a path and its file name, if its folder is under command.
fn commanded(name: *const c_char) -> Option<(PathBuf, Owner)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: SQLite hands over a path that ends with a zero byte and outlives the call.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
    let path = Path::new(OsStr::from_bytes(bytes));
    let state = commanding(path.parent()?)?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some((path.to_owned(), Owner { name, state }))
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: `file` has room for the shim and the wrapped file (szOsFile); a file that is not commanded is the wrapped
    // VFS's from its first byte on.
    unsafe {
        let real = real_vfs();
        let forward = (*real).xOpen.expect("xOpen");
        let Some((path, owner)) = commanded(name) else {
            return forward(real, name, file, flags, out);
        };
        (*file).pMethods = std::ptr::null();
        let mut state = lock(&owner.state);
        if let Some(error) = state.verdict(Kind::Open, &owner.name) {
            return error;
        }
        let before = path.metadata();
        let code = forward(real, name, inner(file), flags, out);
        if code != ffi::SQLITE_OK {
            return code;
        }
        if before.is_err() {
            state.log(|| Event::Create(owner.name.clone()));
        }
        let size = before.map_or(0, |metadata| metadata.len());
        state.sizes.insert(owner.name.clone(), size);
        drop(state);
        (*file.cast::<Shim>()).owner = Box::into_raw(Box::new(owner));
        (*file).pMethods = &raw const METHODS;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: the wrapped VFS is called as SQLite would.
    unsafe {
        let real = real_vfs();
        let forward = (*real).xDelete.expect("xDelete");
        let Some((_, owner)) = commanded(name) else {
            return forward(real, name, sync);
        };
        let mut state = lock(&owner.state);
        if let Some(error) = state.verdict(Kind::Delete, &owner.name) {
            return error;
        }
        let code = forward(real, name, 0);
        if code == ffi::SQLITE_OK {
            state.sizes.remove(&owner.name);
            state.log(|| Event::Delete(owner.name.clone()));
            if sync != 0 {
                state.log(|| Event::SyncFolder);
            }
        }
        code
    }
}

unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: the wrapped file follows the shim in the same block.
    unsafe { file.cast::<Shim>().add(1).cast() }
}

unsafe fn owner<'a>(file: *mut sqlite3_file) -> &'a Owner {
    // SAFETY: set by `open`, freed by `close`, and SQLite calls nothing after it.
    unsafe { &*(*file.cast::<Shim>()).owner }
}

/// Calls the wrapped file's own method.
macro_rules! forward {
    ($file:ident, $method:ident $(, $argument:expr)*) => {{
        let inner = inner($file);
        ((*(*inner).pMethods).$method.expect(stringify!($method)))(inner $(, $argument)*)
    }};
}

/// Methods that are the wrapped file's.
macro_rules! forwarded {
    ($($name:ident: $method:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $type)*) $(-> $result)? {
            // SAFETY: handed on as it came.
            unsafe { forward!(file, $method $(, $argument)*) }
        })*
    };
}

forwarded! {
    read: xRead(to: *mut c_void, n: c_int, at: sqlite3_int64) -> c_int;
    file_size: xFileSize(size: *mut sqlite3_int64) -> c_int;
    lock_file: xLock(level: c_int) -> c_int;
    unlock_file: xUnlock(level: c_int) -> c_int;
    check_reserved: xCheckReservedLock(out: *mut c_int) -> c_int;
    control: xFileControl(op: c_int, argument: *mut c_void) -> c_int;
    sector_size: xSectorSize() -> c_int;
    characteristics: xDeviceCharacteristics() -> c_int;
    shm_map: xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int;
    shm_lock: xShmLock(offset: c_int, n: c_int, flags: c_int) -> c_int;
    shm_barrier: xShmBarrier();
    shm_unmap: xShmUnmap(delete: c_int) -> c_int;
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the owner was boxed by `open`, and this is the last call for the file.
    unsafe {
        drop(Box::from_raw((*file.cast::<Shim>()).owner));
        forward!(file, xClose)
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    n: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite hands over `n` bytes.
    unsafe {
        let owner = owner(file);
        let mut state = lock(&owner.state);
        if let Some(error) = state.verdict(Kind::Write, &owner.name) {
            return error;
        }
        if !state.grow(&owner.name, at as u64 + n as u64) {
            return ffi::SQLITE_FULL;
        }
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), n as usize);
        state.log(|| Event::Write(owner.name.clone(), at as u64, bytes.to_vec()));
        forward!(file, xWrite, from, n, at)
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: handed on as it came.
    unsafe {
        let owner = owner(file);
        let mut state = lock(&owner.state);
        if let Some(error) = state.verdict(Kind::Truncate, &owner.name) {
            return error;
        }
        state.sizes.insert(owner.name.clone(), size as u64);
        state.log(|| Event::Truncate(owner.name.clone(), size as u64));
        forward!(file, xTruncate, size)
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: the file is open.
    let owner = unsafe { owner(file) };
    let mut state = lock(&owner.state);
    if let Some(error) = state.verdict(Kind::Sync, &owner.name) {
        return error;
    }
    state.log(|| Event::Sync(owner.name.clone()));
    ffi::SQLITE_OK
}

/// Version 2: with shared memory, which WAL needs, and without memory-mapped reading, which is off.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock_file),
    xUnlock: Some(unlock_file),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
