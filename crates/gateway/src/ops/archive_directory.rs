//! The directory of the archive of a journal: whether it can be written to, and which one a data
//! directory has.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, OpenOptionsExt as _},
    },
    path::{self, Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
};

use rustix::fs::{Access, access};

use crate::limits;

/// The file of a data directory that names the archive of its journal.
pub(crate) const NOTE: &str = "archived-to";

/// The file that is written to find out whether an archive can be written to.
const PROBE: &str = "probe";

/// The archive cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write to {path}, the setting journal_archive: let the user of the gateway write there, \
     and under systemd name it in ReadWritePaths= of a drop-in, as the section Backups of \
     OPERATIONS.md shows"
)]
pub struct UnusableArchive {
    path: String,
    source: io::Error,
}

/// A command would open a store without the archive of its journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtherArchive {
    /// The data directory names an archive.
    #[error(
        "the journal of {path} is archived in {archive}: name that by --journal-archive or the \
         setting journal_archive, or serve the store once without that setting if it is no longer \
         archived"
    )]
    Noted {
        /// The data directory.
        path: String,
        /// The archive.
        archive: String,
    },
    /// The data directory cannot be read.
    #[error("cannot find out whether the journal of {path} is archived")]
    Unknown {
        /// The data directory.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

impl UnusableArchive {
    fn new(directory: &Path, source: io::Error) -> UnusableArchive {
        UnusableArchive { path: directory.display().to_string(), source }
    }
}

/// Writes a file into an archive, which is created if it is missing, and removes it. An archive
/// that does not answer is only reported: what cannot be archived stays in the data directory.
pub(crate) fn probe(directory: &Path) -> Result<(), UnusableArchive> {
    let (sender, receiver) = sync_channel(1);
    let probed = directory.to_owned();
    let unusable = |error| UnusableArchive::new(directory, error);
    let probing = thread::Builder::new().name("archive-probe".into());
    // The thread ends when the archive answers.
    probing.spawn(move || sender.send(write_probe(&probed))).map_err(unusable)?;
    match receiver.recv_timeout(limits::ARCHIVE_ANSWER_TIMEOUT) {
        Ok(written) => written.map_err(unusable),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            let directory = directory.display();
            tracing::warn!(%directory, "the archive of the journal does not answer");
            Ok(())
        }
    }
}

fn write_probe(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let path = directory.join(PROBE);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(b"probe")?;
    file.sync_all()?;
    fs::remove_file(path)
}

/// Finds out whether this user may write to an archive, or create it, and changes nothing.
pub fn check(directory: &Path) -> Result<(), UnusableArchive> {
    let there = directory.ancestors().find(|path| path.exists());
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permitted = match fs::metadata(there) {
        Ok(found) if found.is_dir() => {
            access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
        }
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) => Err(error),
    };
    permitted.map_err(|error| UnusableArchive::new(directory, error))
}

/// The archive that a data directory names. A command that opens the store without it would let
/// files of the journal be used again that are not archived.
fn noted(data_dir: &Path) -> io::Result<Option<PathBuf>> {
    match fs::read(data_dir.join(NOTE)) {
        Ok(noted) => Ok(Some(PathBuf::from(OsStr::from_bytes(&noted)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a data directory names an archive, as one does that a gateway serves or has served.
pub(crate) fn is_noted(data_dir: &Path) -> io::Result<bool> {
    data_dir.join(NOTE).try_exists()
}

/// Fails unless a store is opened with the archive that its data directory names, if it names one.
pub(crate) fn require_noted(data_dir: &Path, archive: Option<&Path>) -> Result<(), OtherArchive> {
    let path = || data_dir.display().to_string();
    let noted = noted(data_dir).map_err(|source| OtherArchive::Unknown { path: path(), source })?;
    match (noted, archive) {
        (None, _) => Ok(()),
        (Some(noted), Some(archive)) if is_same(archive, &noted) => Ok(()),
        (Some(noted), _) => {
            let archive = noted.display().to_string();
            Err(OtherArchive::Noted { path: path(), archive })
        }
    }
}

fn is_same(archive: &Path, noted: &Path) -> bool {
    path::absolute(archive).is_ok_and(|archive| archive == noted)
        || fs::canonicalize(archive)
            .and_then(|archive| Ok(archive == fs::canonicalize(noted)?))
            .unwrap_or(false)
}

/// Names the archive in the data directory of a store that is open, or says that it has none any
/// more.
pub(crate) fn note(data_dir: &Path, archive: Option<&Path>) -> io::Result<()> {
    let before = noted(data_dir)?;
    let archive = archive.map(path::absolute).transpose()?;
    if before == archive {
        return Ok(());
    }
    match &archive {
        Some(archive) => {
            let mut file = File::create(data_dir.join(NOTE))?;
            file.write_all(archive.as_os_str().as_bytes())?;
            file.sync_all()?;
        }
        None => fs::remove_file(data_dir.join(NOTE))?,
    }
    if let (Some(before), None) = (before, archive) {
        let directory = before.display();
        tracing::warn!(%directory, "the journal is no longer archived");
    }
    File::open(data_dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_that_names_its_archive_is_opened_with_no_other() {
        let home = tempfile::tempdir().unwrap();
        let (data_dir, archive) = (home.path(), home.path().join("archive"));
        let other = home.path().join("other");
        require_noted(data_dir, None).unwrap();
        require_noted(data_dir, Some(&archive)).unwrap();
        note(data_dir, Some(&archive)).unwrap();
        require_noted(data_dir, Some(&archive)).unwrap();
        for wrong in [None, Some(other.as_path())] {
            let refused = require_noted(data_dir, wrong).unwrap_err().to_string();
            assert!(refused.contains(&archive.display().to_string()), "{refused}");
        }
        // The same directory by another name.
        fs::create_dir(&archive).unwrap();
        require_noted(data_dir, Some(&archive.join("../archive"))).unwrap();
        note(data_dir, None).unwrap();
        require_noted(data_dir, None).unwrap();
        note(data_dir, None).unwrap();
    }

    #[test]
    fn an_archive_that_can_be_written_to_is_left_empty_by_a_probe_and_untouched_by_a_check() {
        let home = tempfile::tempdir().unwrap();
        let archive = home.path().join("new").join("archive");
        check(&archive).unwrap();
        assert!(!archive.exists());
        probe(&archive).unwrap();
        assert_eq!(fs::read_dir(&archive).unwrap().count(), 0);
        check(&archive).unwrap();
    }

    #[test]
    fn an_archive_that_is_no_directory_is_named_with_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        for directory in [file.clone(), file.join("archive")] {
            for refused in [probe(&directory).unwrap_err(), check(&directory).unwrap_err()] {
                let text = refused.to_string();
                assert!(text.contains(&directory.display().to_string()), "{text}");
                assert!(text.contains("ReadWritePaths="), "{text}");
            }
        }
    }
}
