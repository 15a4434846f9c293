//! The data directory: created for its owner alone, and opened when a store is in it.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use profile_store::engine::{
    EmbeddedEngine, EmbeddedOptions, EngineError, JournalArchive, ReadOnlyEngine, TableKind,
};

use super::{
    archive_directory::{self, OtherArchive},
    disk_reserve::DiskReserve,
};

/// The file that keeps the keys of development mode.
pub(crate) const KEY_FILE: &str = "development.key";

/// The file that a directory has while it gets a copy of a store.
pub(crate) const UNFINISHED_COPY: &str = "unfinished-copy";

/// Why a store that should exist could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirectoryError {
    /// The directory holds no store.
    #[error("there is no store in {path}")]
    NoStore {
        /// The directory.
        path: String,
    },
    /// The directory was to get a copy of a store, which was cut off.
    #[error("{path} has a copy of a store that was cut off: remove it, and make another copy")]
    Unfinished {
        /// The directory.
        path: String,
    },
    /// The directory is getting a copy of a store.
    #[error(
        "a copy of a store is being written to {path}: wait until that has ended, or name another \
         directory"
    )]
    BeingCopied {
        /// The directory.
        path: String,
    },
    /// The journal of the store is archived, and the command would not do so.
    #[error(transparent)]
    Archive(#[from] OtherArchive),
    /// The store cannot be opened or read.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Creates the data directory of a gateway, unless it exists. A directory that has files of other
/// programs, and no store, is one that was named by mistake.
pub(crate) fn prepare(directory: &Path) -> io::Result<()> {
    create_private(directory)?;
    let reason = match unfinished_copy(directory)? {
        None => None,
        Some(UnfinishedCopy::BeingWritten) => Some("a copy of a store is being written to it"),
        Some(UnfinishedCopy::CutOff) => {
            Some("it has a copy of a store that was cut off; remove it, and make another copy")
        }
    };
    if let Some(reason) = reason {
        return Err(io::Error::other(reason));
    }
    match foreign_file(directory)? {
        Some(name) => Err(io::Error::other(format!(
            "it has no store, but other files, such as {}; name an empty or a new directory",
            name.display()
        ))),
        None => Ok(()),
    }
}

/// Creates the directory with access for its owner only, unless it exists.
pub(crate) fn create_private(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // The new directory entry must survive a crash, as the files in the directory do.
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Files that may be in a directory without a store: those that a gateway creates before its store,
/// and those of file systems and their snapshots.
const EXPECTED: [&str; 5] =
    ["reserve", KEY_FILE, "table.new", "lost+found", archive_directory::NOTE];

/// A file that is of no gateway, in a directory that has no store.
fn foreign_file(directory: &Path) -> io::Result<Option<OsString>> {
    // What is wrong with a store is found when it is opened.
    if EmbeddedEngine::is_in(directory).unwrap_or(true) {
        return Ok(None);
    }
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let is_expected = EXPECTED.iter().any(|expected| name == *expected);
        if !is_expected && !name.as_encoded_bytes().starts_with(b".") {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// A store of a data directory that no gateway serves, and the reserve of the directory.
#[derive(Debug)]
pub(crate) struct OpenedStore {
    pub(crate) engine: EmbeddedEngine,
    /// Held, so that no other process changes it meanwhile.
    _reserve: DiskReserve,
}

/// Opens the store in `directory`. Fails if the directory holds no store; never creates one. Its
/// journal goes into the archive. Fails without it if the directory names an archive.
pub(crate) fn open_existing(
    directory: &Path,
    options: EmbeddedOptions,
    archive: Option<&Path>,
) -> Result<OpenedStore, DataDirectoryError> {
    require_store(directory)?;
    archive_directory::require_noted(directory, archive)?;
    let reserve = DiskReserve::open(directory).map_err(EngineError::Io)?;
    let kept = archive.map(|archive| JournalArchive::new(archive.to_owned()));
    let engine = EmbeddedEngine::open_archived(directory, options, kept)?;
    if archive.is_some() {
        archive_directory::note(directory, archive).map_err(EngineError::Io)?;
    }
    Ok(OpenedStore { engine, _reserve: reserve })
}

/// Opens the store in `directory` for reading, and changes nothing in it.
pub(crate) fn open_read_only(directory: &Path) -> Result<ReadOnlyEngine, DataDirectoryError> {
    require_store(directory)?;
    let EmbeddedOptions { cache_bytes, .. } = EmbeddedOptions::default();
    Ok(EmbeddedEngine::open_read_only(directory, cache_bytes)?)
}

/// The kind of the table in `directory`, if there is one.
pub(crate) fn table_in(directory: &Path) -> Result<Option<TableKind>, EngineError> {
    EmbeddedEngine::table_in(directory)
}

/// Whether a directory holds a store that is whole.
pub(crate) fn has_store(directory: &Path) -> Result<bool, DataDirectoryError> {
    match require_store(directory) {
        Ok(()) => Ok(true),
        Err(DataDirectoryError::NoStore { .. }) => Ok(false),
        Err(
            error @ (DataDirectoryError::BeingCopied { .. }
            | DataDirectoryError::Unfinished { .. }
            | DataDirectoryError::Archive(_)
            | DataDirectoryError::Engine(_)),
        ) => Err(error),
    }
}

fn require_store(directory: &Path) -> Result<(), DataDirectoryError> {
    let path = || directory.display().to_string();
    match unfinished_copy(directory).map_err(EngineError::Io)? {
        Some(UnfinishedCopy::BeingWritten) => Err(DataDirectoryError::BeingCopied { path: path() }),
        Some(UnfinishedCopy::CutOff) => Err(DataDirectoryError::Unfinished { path: path() }),
        None if EmbeddedEngine::is_in(directory)? => Ok(()),
        None => Err(DataDirectoryError::NoStore { path: path() }),
    }
}

/// A copy of a store that is not whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UnfinishedCopy {
    /// A command is writing it, and has its marker locked.
    BeingWritten,
    /// No command will finish it.
    CutOff,
}

/// The copy in a directory, if there is one that is not whole.
pub(crate) fn unfinished_copy(directory: &Path) -> io::Result<Option<UnfinishedCopy>> {
    match File::open(directory.join(UNFINISHED_COPY)) {
        Ok(marker) => Ok(Some(match marker.try_lock_shared() {
            Err(TryLockError::WouldBlock) => UnfinishedCopy::BeingWritten,
            Ok(()) | Err(TryLockError::Error(_)) => UnfinishedCopy::CutOff,
        })),
        // A part of the path may be a file.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
