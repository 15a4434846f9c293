//! Files that commands write: whole or not at all, and for their owner alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::{
    fs::{CWD, RenameFlags},
    io::Errno,
};
use uuid::Uuid;

/// Where a command writes its result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OutputTarget {
    /// The standard output.
    Standard,
    /// A file.
    File(PathBuf),
}

impl FromStr for OutputTarget {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<OutputTarget, Self::Err> {
        Ok(match text {
            "-" => OutputTarget::Standard,
            path => OutputTarget::File(path.into()),
        })
    }
}

/// What happens to a file that exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExistingFile {
    /// It stays, and nothing is written.
    Kept,
    /// The new one replaces it.
    Replaced,
}

/// Why a result was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The file exists.
    #[error("{path} exists: name another file, or add --overwrite")]
    Exists {
        /// The file.
        path: String,
    },
    /// It cannot be written.
    #[error("cannot write {path}")]
    Failed {
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

/// A result that is being written. A file has its name only once all of it is on disk.
#[derive(Debug)]
pub(crate) enum Output {
    Standard(BufWriter<io::Stdout>),
    File(OutputFile),
}

/// A file that gets its name when it is complete, and is removed if it never is.
#[derive(Debug)]
pub(crate) struct OutputFile {
    writer: BufWriter<File>,
    path: PathBuf,
    unfinished: Unfinished,
    existing: ExistingFile,
}

/// Removes the file when it goes.
#[derive(Debug)]
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once the file was renamed, this name is of no file.
        let _ = fs::remove_file(&self.0);
    }
}

impl Output {
    /// Fails before anything is written if the file may not be replaced.
    pub(crate) fn create(
        target: &OutputTarget,
        existing: ExistingFile,
    ) -> Result<Output, OutputError> {
        match target {
            OutputTarget::Standard => Ok(Output::Standard(BufWriter::new(io::stdout()))),
            OutputTarget::File(path) => {
                let is_there = path.try_exists().map_err(failed(path))?;
                if is_there && existing == ExistingFile::Kept {
                    return Err(OutputError::Exists { path: path.display().to_string() });
                }
                OutputFile::create(path, existing).map(Output::File).map_err(failed(path))
            }
        }
    }

    /// Makes the result durable, and gives the file its name.
    pub(crate) fn finish(self) -> Result<(), OutputError> {
        match self {
            Output::Standard(mut writer) => {
                writer.flush().map_err(failed(Path::new("the standard output")))
            }
            Output::File(file) => file.finish(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Standard(writer) => writer.write(bytes),
            Output::File(file) => file.writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Standard(writer) => writer.flush(),
            Output::File(file) => file.writer.flush(),
        }
    }
}

impl OutputFile {
    fn create(path: &Path, existing: ExistingFile) -> io::Result<OutputFile> {
        let unfinished = beside(path, "part")?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        Ok(OutputFile {
            writer: BufWriter::new(file),
            path: path.to_owned(),
            unfinished: Unfinished(unfinished),
            existing,
        })
    }

    fn finish(self) -> Result<(), OutputError> {
        let OutputFile { writer, path, unfinished, existing } = self;
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).map_err(failed(&path))?;
        let renamed = match existing {
            ExistingFile::Kept => {
                let flags = RenameFlags::NOREPLACE;
                let renamed = rustix::fs::renameat_with(CWD, &unfinished.0, CWD, &path, flags);
                renamed.or_else(|error| link_instead(error, &unfinished.0, &path))
            }
            ExistingFile::Replaced => fs::rename(&unfinished.0, &path),
        };
        renamed.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                OutputError::Exists { path: path.display().to_string() }
            } else {
                failed(&path)(error)
            }
        })?;
        sync_directory(&path).map_err(failed(&path))
    }
}

/// Gives a file a second name after it could not be renamed, if the reason is that the file system,
/// such as NFS, cannot rename and keep what is there.
fn link_instead(error: Errno, file: &Path, path: &Path) -> io::Result<()> {
    match error {
        // The first name goes with `Unfinished`.
        Errno::INVAL | Errno::NOSYS => fs::hard_link(file, path),
        error => Err(error.into()),
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> OutputError {
    move |source| OutputError::Failed { path: path.display().to_string(), source }
}

/// A new name in the directory of a file, which says what it belongs to.
pub(crate) fn beside(path: &Path, ending: &str) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.{ending}", Uuid::new_v4().simple()));
    Ok(path.with_file_name(hidden))
}

/// Makes the name of a file durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path, text: &str, existing: ExistingFile) -> Result<(), OutputError> {
        let mut output = Output::create(&OutputTarget::File(path.to_owned()), existing)?;
        output.write_all(text.as_bytes()).unwrap();
        output.finish()
    }

    #[test]
    fn a_file_is_whole_its_owners_alone_and_replaced_only_if_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        write(&path, "one", ExistingFile::Kept).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = write(&path, "two", ExistingFile::Kept);
        assert!(matches!(refused, Err(OutputError::Exists { .. })), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write(&path, "three", ExistingFile::Replaced).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_gets_its_name_also_where_a_file_system_cannot_rename_and_keep() {
        let directory = tempfile::tempdir().unwrap();
        let [file, path] = ["unfinished", "out"].map(|name| directory.path().join(name));
        fs::write(&file, "one").unwrap();
        assert!(link_instead(Errno::NOENT, &file, &path).is_err());
        link_instead(Errno::INVAL, &file, &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        for error in [Errno::INVAL, Errno::NOSYS, Errno::EXIST] {
            let refused = link_instead(error, &file, &path).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        }
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_kept_and_an_unfinished_one_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let target = OutputTarget::File(path.clone());
        let output = Output::create(&target, ExistingFile::Kept).unwrap();
        fs::write(&path, "other").unwrap();
        assert!(matches!(output.finish(), Err(OutputError::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "other");
        drop(Output::create(&target, ExistingFile::Replaced).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
