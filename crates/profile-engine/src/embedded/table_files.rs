//! The table in a data directory: found, opened, and created as a whole.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use rustix::{
    fs::{AtFlags, OFlags, renameat, statat},
    io::Errno,
};

use super::options::{EmbeddedOptions, TableKind};
use crate::{
    EngineError,
    journaled::{Table, has_journal},
    open_file::open_file,
    redb_table::{self, RedbTable},
    sled_table::{self, SledTable},
};

/// The directory of the journal, beside the table's own files.
pub(super) const JOURNAL: &str = "journal";

/// The name of a table in redb while it is created. A process that ends meanwhile leaves a file
/// that is no table yet, and the next one begins again.
const UNFINISHED: &str = "table.new";

/// Whether a directory holds a table, or the journal of one.
pub(super) fn is_any(directory: &File) -> Result<bool, EngineError> {
    Ok(kind_in(directory)?.is_some() || journal_is_in(directory)?)
}

/// Opens the table in a directory, and creates it if the directory holds none.
pub(super) fn open(
    path: &Path,
    directory: &File,
    options: EmbeddedOptions,
) -> Result<Box<dyn Table>, EngineError> {
    let found = kind_in(directory)?;
    if found.is_none() && journal_is_in(directory)? {
        return Err(missing_table());
    }
    Ok(match (found, found.unwrap_or(options.table)) {
        (Some(_), TableKind::Redb) => {
            let file =
                open_file(directory, redb_table::FILE, OFlags::RDWR).map_err(EngineError::Io)?;
            Box::new(RedbTable::open(file, options.cache_bytes)?)
        }
        (None, TableKind::Redb) => Box::new(create_redb(directory, options.cache_bytes)?),
        (_, TableKind::Sled) => Box::new(SledTable::open(path, options.cache_bytes)?),
    })
}

/// Opens the table in a directory, and changes nothing.
pub(super) fn open_read_only(
    path: &Path,
    directory: &File,
    cache_bytes: u64,
) -> Result<Box<dyn Table>, EngineError> {
    Ok(match kind_in(directory)? {
        Some(TableKind::Redb) => {
            let file =
                open_file(directory, redb_table::FILE, OFlags::RDONLY).map_err(EngineError::Io)?;
            locked(file.try_lock_shared())?;
            Box::new(RedbTable::open_read_only(file, cache_bytes)?)
        }
        Some(TableKind::Sled) => {
            let log =
                open_file(directory, sled_table::LOG, OFlags::RDONLY).map_err(EngineError::Io)?;
            locked(log.try_lock_shared())?;
            Box::new(SledTable::open_copy(path, cache_bytes)?)
        }
        None => return Err(missing_table()),
    })
}

/// Creates a table under another name, and gives it its own when it is whole.
fn create_redb(directory: &File, cache_bytes: u64) -> Result<RedbTable, EngineError> {
    let file = open_file(directory, UNFINISHED, OFlags::RDWR | OFlags::CREATE);
    let file = file.map_err(EngineError::Io)?;
    locked(file.try_lock())?;
    // Another process may have created one since this one looked for it.
    if exists(directory, redb_table::FILE)? {
        return Err(EngineError::InUse);
    }
    file.set_len(0).map_err(EngineError::Io)?;
    let table = RedbTable::create(file, cache_bytes)?;
    renameat(directory, UNFINISHED, directory, redb_table::FILE).map_err(io_error)?;
    Ok(table)
}

/// The kind of the table in a directory, if there is one.
pub(super) fn kind_in(directory: &File) -> Result<Option<TableKind>, EngineError> {
    match (exists(directory, redb_table::FILE)?, exists(directory, sled_table::LOG)?) {
        (true, true) => {
            let (redb, sled) = (redb_table::FILE, sled_table::LOG);
            Err(EngineError::Damaged(format!("both {redb} and {sled} are tables")))
        }
        (true, false) => Ok(Some(TableKind::Redb)),
        (false, true) => Ok(Some(TableKind::Sled)),
        (false, false) => Ok(None),
    }
}

fn journal_is_in(directory: &File) -> Result<bool, EngineError> {
    has_journal(directory.try_clone().map_err(EngineError::Io)?, JOURNAL)
}

fn missing_table() -> EngineError {
    let (redb, sled) = (redb_table::FILE, sled_table::LOG);
    EngineError::Damaged(format!(
        "{redb} is missing, or {sled} of a store that has its table in sled"
    ))
}

fn exists(directory: &File, name: &str) -> Result<bool, EngineError> {
    match statat(directory, name, AtFlags::empty()) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(io_error(error)),
    }
}

fn locked(lock: Result<(), TryLockError>) -> Result<(), EngineError> {
    match lock {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(EngineError::InUse),
        Err(TryLockError::Error(error)) => Err(EngineError::Io(error)),
    }
}

fn io_error(error: Errno) -> EngineError {
    EngineError::Io(io::Error::from(error))
}
