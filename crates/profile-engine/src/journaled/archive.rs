//! The archive: files of the journal that are kept after their changes are in the table.
//!
//! Each store has a directory of its own in it, named by the identity of the store, and in that the
//! files of its generations. A file is as long as its records, and ends with the record that ends
//! its generation.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    disk::Disk,
    journal::{ArchivedFile, archived_bytes, file_name, generations},
    mark::{JournalPosition, StoreId},
};
use crate::{EngineError, Write};

/// The name of a file while it is copied.
const UNFINISHED: &str = "unfinished";

/// A directory that gets each file of the journal before the file is used again.
#[derive(Debug)]
pub struct JournalArchive {
    directory: PathBuf,
    /// Files of the journal that are waiting to be archived, after an attempt failed.
    waiting: AtomicU64,
}

impl JournalArchive {
    /// The archive in a directory, which is created when a file is archived.
    pub fn new(directory: PathBuf) -> JournalArchive {
        JournalArchive { directory, waiting: AtomicU64::new(0) }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The batches of a store after this position, oldest first, as far as they are archived.
    pub fn batches_after(&self, position: JournalPosition) -> ArchivedBatches {
        let directory = self.of_store(position.store);
        ArchivedBatches { directory, position, is_in_file: false, read: VecDeque::new() }
    }

    fn of_store(&self, store: StoreId) -> PathBuf {
        self.directory.join(store.to_string())
    }

    /// How many files wait for an attempt that succeeds.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Archives the files of all generations up to this one. Returns whether all of them are
    /// archived. Those that are not stay in the journal.
    pub(super) fn keep(&self, disk: &dyn Disk, store: StoreId, generation: u64) -> bool {
        let kept = self.keep_files(disk, store, generation);
        let waiting = match &kept {
            Ok(()) => 0,
            Err(_) => generations(disk).map_or(1, |there| {
                there.iter().filter(|there| **there <= generation).count() as u64
            }),
        };
        let waited = self.waiting.swap(waiting, Ordering::Relaxed);
        let directory = self.directory.display();
        match &kept {
            Ok(()) if 0 < waited => {
                tracing::info!(%directory, "files of the journal are archived again");
            }
            Err(error) if waited == 0 => tracing::warn!(
                %directory,
                error = error as &(dyn Error + 'static),
                cause = error.source().map(tracing::field::display),
                "a file of the journal was not archived; it stays in the data directory, and each \
                 checkpoint tries again",
            ),
            Ok(()) | Err(_) => {}
        }
        kept.is_ok()
    }

    fn keep_files(
        &self,
        disk: &dyn Disk,
        store: StoreId,
        generation: u64,
    ) -> Result<(), EngineError> {
        let directory = self.of_store(store);
        let there = generations(disk).map_err(EngineError::Io)?;
        for generation in there.into_iter().filter(|there| *there <= generation) {
            let path = directory.join(file_name(generation));
            if !path.try_exists().map_err(EngineError::Io)?
                && let Some(bytes) = archived_bytes(disk, store, generation)?
            {
                write_file(&directory, &path, &bytes).map_err(EngineError::Io)?;
            }
        }
        Ok(())
    }
}

/// Writes a file as a whole, and returns once it survives a crash.
fn write_file(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let unfinished = directory.join(UNFINISHED);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(directory)?.sync_all()?;
    // The directory itself may be new.
    let parent = directory.parent().unwrap_or(directory);
    File::open(parent)?.sync_all()
}

/// The batches of an archive, oldest first. Each comes with the position after it. One file is in
/// memory at a time.
pub struct ArchivedBatches {
    directory: PathBuf,
    /// That of the next batch.
    position: JournalPosition,
    /// Whether the file of the position was read.
    is_in_file: bool,
    /// Those that are left of it.
    read: VecDeque<Vec<Write>>,
}

impl ArchivedBatches {
    /// Reads the file of the next generation that is needed. False if it is not archived yet.
    fn read_file(&mut self) -> Result<bool, EngineError> {
        let JournalPosition { store, generation, records } = self.position;
        let name = file_name(generation);
        let bytes = match fs::read(self.directory.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.require_end(generation).map(|()| false);
            }
            bytes => bytes.map_err(EngineError::Io)?,
        };
        let file = ArchivedFile::parse(bytes, store, generation);
        let file = file.map_err(|error| self.explained(error))?;
        let known = usize::try_from(records).unwrap_or(usize::MAX);
        if file.batches.len() < known {
            let what = format!("{name} has fewer than {known} records");
            return Err(self.explained(EngineError::Damaged(what)));
        }
        self.is_in_file = true;
        self.read = file.batches.into_iter().skip(known).collect();
        Ok(true)
    }

    /// Fails if the archive has a later generation than this one, which it does not have.
    fn require_end(&self, generation: u64) -> Result<(), EngineError> {
        let names = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            names => names.map_err(EngineError::Io)?,
        };
        for name in names {
            let name = name.map_err(EngineError::Io)?.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".journal") && *name > *file_name(generation) {
                let missing = file_name(generation);
                let what = format!("{missing} is missing, and {name} is there");
                return Err(self.explained(EngineError::Damaged(what)));
            }
        }
        Ok(())
    }

    /// Says where the damage is.
    fn explained(&self, error: EngineError) -> EngineError {
        match error {
            EngineError::Damaged(what) => {
                EngineError::Damaged(format!("{}: {what}", self.directory.display()))
            }
            EngineError::InUse
            | EngineError::Io(_)
            | EngineError::Poisoned
            | EngineError::ReadOnly => error,
        }
    }

    fn next_batch(&mut self) -> Result<Option<(JournalPosition, Vec<Write>)>, EngineError> {
        loop {
            if let Some(batch) = self.read.pop_front() {
                self.position.records += 1;
                return Ok(Some((self.position, batch)));
            }
            if self.is_in_file {
                let JournalPosition { store, generation, .. } = self.position;
                self.position = JournalPosition::after_generation(store, generation);
                self.is_in_file = false;
            }
            if !self.read_file()? {
                return Ok(None);
            }
        }
    }
}

impl Iterator for ArchivedBatches {
    type Item = Result<(JournalPosition, Vec<Write>), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

impl fmt::Debug for ArchivedBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchivedBatches").field("position", &self.position).finish_non_exhaustive()
    }
}
