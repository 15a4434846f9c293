//! The archive: files of the journal that are kept after their changes are in the table.
//!
//! Each store has a directory of its own in it, named by the identity of the store, and in that the
//! files of its generations. A file is as long as its records, and ends with the record that ends
//! its generation.

use std::{
    collections::VecDeque,
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    journal::{ArchivedFile, file_name, generation_of},
    mark::{JournalPosition, StoreId},
};
use crate::{EngineError, Write};

/// What is added to the name of a file while it is copied. Each file has a name of its own then:
/// a copy that a stop did not wait for goes on, and must not be taken for that of another file.
const UNFINISHED: &str = ".unfinished";

/// Where files of the journal are kept. Tests put another one in the place of a directory.
pub(super) trait ArchiveStorage: Send + Sync + 'static {
    /// Keeps the file of a generation. Returns once it survives a crash. Fails if there is another
    /// file of this generation.
    fn keep(&self, store: StoreId, generation: u64, bytes: &[u8]) -> Result<(), EngineError>;

    /// Where it is, for the log.
    fn location(&self) -> String;
}

/// A directory that gets each file of the journal before the file is used again.
#[derive(Clone, Debug)]
pub struct JournalArchive {
    directory: PathBuf,
}

impl JournalArchive {
    /// The archive in a directory, which is created when a file is archived.
    pub fn new(directory: PathBuf) -> JournalArchive {
        JournalArchive { directory }
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

    /// Fails unless the archive has files of the store of this position, and goes as far as it at
    /// least. An archive that ends earlier is another one, or one that lost its files.
    pub fn require_reaches(&self, position: JournalPosition) -> Result<(), EngineError> {
        let directory = self.of_store(position.store);
        let generation = position.generation;
        let mut newest = None;
        each_generation(&directory, |found| newest = newest.max(Some(found)))?;
        let what = match newest {
            None => "has no file of the store that the backup was made of".to_owned(),
            Some(newest) if newest.saturating_add(1) < generation => {
                format!("ends with {}, before the backup at {position}", file_name(newest))
            }
            Some(_) => return Ok(()),
        };
        Err(EngineError::Damaged(format!("{} {what}", directory.display())))
    }

    /// Fails unless the archive has every file from that of the first position up to the second.
    pub fn require_files(
        &self,
        from: JournalPosition,
        to: JournalPosition,
    ) -> Result<(), EngineError> {
        let directory = self.of_store(from.store);
        let mut needed = from.generation..to.generation;
        let mut found = 0;
        each_generation(&directory, |generation| {
            found += u64::from(needed.contains(&generation));
        })?;
        let is_missing = |generation: &u64| {
            let exists = directory.join(file_name(*generation)).try_exists();
            !exists.unwrap_or(false)
        };
        if found == needed.end.saturating_sub(needed.start) {
            return Ok(());
        }
        let missing = needed.find(is_missing).unwrap_or(from.generation);
        Err(EngineError::Damaged(format!(
            "{} is missing in {}",
            file_name(missing),
            directory.display()
        )))
    }

    fn of_store(&self, store: StoreId) -> PathBuf {
        self.directory.join(store.to_string())
    }
}

impl ArchiveStorage for JournalArchive {
    fn keep(&self, store: StoreId, generation: u64, bytes: &[u8]) -> Result<(), EngineError> {
        let directory = self.of_store(store);
        let path = directory.join(file_name(generation));
        let kept = match fs::read(&path) {
            Ok(kept) if kept == bytes => sync_names(&directory),
            Ok(_) => Err(other_file(&directory, &path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_file(&directory, &path, bytes)
            }
            Err(error) => Err(error),
        };
        kept.map_err(EngineError::Io)
    }

    fn location(&self) -> String {
        self.directory.display().to_string()
    }
}

/// The error for a file that has other commits than the journal.
fn other_file(directory: &Path, path: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!(
            "{} has other commits than the journal, so the data directory is an older copy: move \
             {} away, and make whole backups from now on",
            path.display(),
            directory.display()
        ),
    )
}

/// Passes on the generations whose files are in a directory, in any order. A directory that is
/// missing has none.
fn each_generation(directory: &Path, mut found: impl FnMut(u64)) -> Result<(), EngineError> {
    let names = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names.map_err(EngineError::Io)?,
    };
    for name in names {
        let name = name.map_err(EngineError::Io)?.file_name();
        name.to_str().and_then(generation_of).into_iter().for_each(&mut found);
    }
    Ok(())
}

/// Writes a file as a whole, and returns once it survives a crash.
fn write_file(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_names(directory)
}

/// Returns once the names in the directory of a store, and its own, survive a crash.
fn sync_names(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()?;
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
    /// How far it has been read: behind the batch that was passed on last, and after the last one
    /// behind the newest file.
    pub fn position(&self) -> JournalPosition {
        self.position
    }

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
        let mut later = None;
        each_generation(&self.directory, |found| {
            if generation < found {
                later = Some(found);
            }
        })?;
        let Some(later) = later else { return Ok(()) };
        let (missing, later) = (file_name(generation), file_name(later));
        let what = format!("{missing} is missing, and {later} is there");
        Err(self.explained(EngineError::Damaged(what)))
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
