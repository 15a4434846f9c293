//! The embedded engine: one directory of one process, which has a table and a journal.

mod options;
mod table_files;

use std::{
    fmt,
    fs::{self, File},
    io,
    num::NonZeroU32,
    path::Path,
};

use self::table_files::JOURNAL;
use crate::{
    ArchiveEnd, BoxFuture, Engine, EngineError, EngineSnapshot, EngineStatus, JournalArchive, Key,
    Place, RangePage, Scan, Session, Value,
    journaled::{Journaled, JournaledEngine, Pace, ReadOnlyEngine},
};

pub use self::options::{EmbeddedOptions, TableKind};

/// A table with a journal, in a directory of its own.
pub struct EmbeddedEngine {
    engine: JournaledEngine,
}

impl EmbeddedEngine {
    /// Opens the database in `directory`, and creates it if it is missing. After a crash this
    /// reads the journal. It blocks.
    ///
    /// The engine is closed by [`close`](EmbeddedEngine::close), or when it and all its sessions
    /// are dropped. That waits for the current step of the checkpoint.
    pub fn open(directory: &Path, options: EmbeddedOptions) -> Result<EmbeddedEngine, EngineError> {
        EmbeddedEngine::open_archived(directory, options, None)
    }

    /// As [`open`](EmbeddedEngine::open). Each file of the journal goes into the archive, if there
    /// is one, before it is used again. A thread of its own does that. While the archive fails or
    /// hangs, files stay in `directory`, and commits go on.
    pub fn open_archived(
        directory: &Path,
        options: EmbeddedOptions,
        archive: Option<JournalArchive>,
    ) -> Result<EmbeddedEngine, EngineError> {
        fs::create_dir_all(directory).map_err(EngineError::Io)?;
        let opened = File::open(directory).map_err(EngineError::Io)?;
        let table = table_files::open(directory, &opened, options)?;
        // The names of the files must survive a crash as well.
        opened.sync_all().map_err(EngineError::Io)?;
        let pace = Pace::from_memtable_bytes(options.memtable_bytes);
        let journaled = Journaled::open(table, opened, JOURNAL, pace, archive)?;
        Ok(EmbeddedEngine { engine: JournaledEngine::new(journaled, options.places) })
    }

    /// Closes the engine. It accepts no commits afterwards. An error is one of the disk: what was
    /// confirmed is stored, but the engine may be unable to close its files. Then keep it until the
    /// process ends. It blocks.
    pub fn close(&self) -> Result<(), EngineError> {
        self.engine.close()
    }

    /// All data as they are now: every commit that was confirmed before is in the snapshot, and no
    /// part of a batch. Commits go on meanwhile. `None` if the table is in sled, which has no
    /// snapshots.
    pub async fn snapshot(&self) -> Result<Option<EngineSnapshot>, EngineError> {
        self.engine.snapshot().await
    }

    /// Returns once every commit that was confirmed before is in the archive of the journal, or
    /// cannot be archived now: the archive fails, or does not answer. Files that were left from
    /// earlier attempts are tried again.
    pub async fn archive_all(&self) -> Result<ArchiveEnd, EngineError> {
        self.engine.archive_all().await
    }

    /// Opens the database in `directory` for reading, and changes no byte of it. The directory may
    /// be on a disk that cannot be written to, and may belong to another user. No process may have
    /// the database open for writing meanwhile. It blocks.
    ///
    /// Fails where [`open`](EmbeddedEngine::open) does. What a checkpoint would write is kept in
    /// memory. A table in sled is copied into the directory for temporary files, because sled
    /// writes to each table that it opens.
    pub fn open_read_only(
        directory: &Path,
        cache_bytes: u64,
    ) -> Result<ReadOnlyEngine, EngineError> {
        let opened = File::open(directory).map_err(EngineError::Io)?;
        let table = table_files::open_read_only(directory, &opened, cache_bytes)?;
        ReadOnlyEngine::open(table, opened, JOURNAL)
    }

    /// The kind of the table in `directory`, if there is one.
    pub fn table_in(directory: &Path) -> Result<Option<TableKind>, EngineError> {
        match File::open(directory) {
            Ok(opened) => table_files::kind_in(&opened),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(EngineError::Io(error)),
        }
    }

    /// Whether `directory` holds a database, or a part of one.
    pub fn is_in(directory: &Path) -> Result<bool, EngineError> {
        match File::open(directory) {
            Ok(opened) => table_files::is_any(&opened),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(EngineError::Io(error)),
        }
    }
}

impl Engine for EmbeddedEngine {
    fn places(&self) -> NonZeroU32 {
        self.engine.places()
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        self.engine.begin(place)
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.engine.read(keys)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.engine.scan(scan)
    }

    fn scan_page(&self, scan: Scan, bytes: usize) -> BoxFuture<'_, Result<RangePage, EngineError>> {
        self.engine.scan_page(scan, bytes)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.engine.sync()
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.engine.bytes()
    }

    fn is_writable(&self) -> bool {
        self.engine.is_writable()
    }

    fn status(&self) -> EngineStatus {
        self.engine.status()
    }
}

impl fmt::Debug for EmbeddedEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbeddedEngine(…)")
    }
}

#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod tests;
