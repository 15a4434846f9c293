//! The report of an import: a line of JSON for each fault; and the progress beside it, by which a
//! command that was killed is continued.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    columns::Columns,
    part::{ImportRun, RowFault},
};
use crate::ops::{
    output_file::{beside, sync_directory},
    printed_text::printed_line,
};

/// How far an import is. All of it is on disk.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ImportProgress {
    pub(crate) run: ImportRun,
    /// The digest of the arguments that decide what rows mean.
    pub(crate) arguments: String,
    /// How many rows are dealt with.
    pub(crate) rows: u64,
    /// The digest of these rows.
    pub(crate) digest: String,
    /// How many of them were refused.
    pub(crate) refused: u64,
    /// The length of the report about them.
    pub(crate) report_bytes: u64,
    /// The number of the company's newest outcome after them.
    pub(crate) newest: u64,
    /// Whether it is unknown of some of them if they were stored twice.
    #[serde(default)]
    pub(crate) has_gap: bool,
}

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A report is there.
    #[error("{path} exists: name another file for the report, or remove it")]
    Exists {
        /// The report.
        path: String,
    },
    /// An import with this report is not finished.
    #[error(
        "an import with this report was cut off: add --resume to continue it, or remove {path} to \
         begin anew"
    )]
    Unfinished {
        /// The file of its progress.
        path: String,
    },
    /// Another command writes the report.
    #[error("another import writes {path}: wait for it, or stop it")]
    InUse {
        /// The report.
        path: String,
    },
    /// Something else has cut the report.
    #[error(
        "{path} has {found} bytes, and the import had written {expected}: put the report back as \
         it was"
    )]
    Shorter {
        /// The report.
        path: String,
        /// Its length.
        found: u64,
        /// What it was at least.
        expected: u64,
    },
    /// There is nothing to continue.
    #[error("there is no import to continue: {path} does not exist")]
    NothingToResume {
        /// The file of its progress.
        path: String,
    },
    /// The progress cannot be read.
    #[error("{path} is not the progress of an import: {reason}")]
    NoProgress {
        /// The file of its progress.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Failed {
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

/// A report that is being written. Its file is locked, so that no other command continues it.
#[derive(Debug)]
pub(crate) struct ImportReport {
    path: PathBuf,
    file: File,
    /// Its length.
    pub(crate) bytes: u64,
}

impl ImportReport {
    /// Fails if there is a report, or one that is to be continued.
    pub(crate) fn refuse_existing(path: &Path) -> Result<(), ReportError> {
        if exists(&progress_path(path))? {
            return Err(ReportError::Unfinished { path: shown(&progress_path(path)) });
        }
        if exists(path)? { Err(ReportError::Exists { path: shown(path) }) } else { Ok(()) }
    }

    /// Begins a report.
    pub(crate) fn create(path: &Path) -> Result<ImportReport, ReportError> {
        ImportReport::refuse_existing(path)?;
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => {
                lock(&file, path)?;
                sync_directory(path).map_err(failed(path))?;
                Ok(ImportReport { path: path.to_owned(), file, bytes: 0 })
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(ReportError::Exists { path: shown(path) })
            }
            Err(error) => Err(failed(path)(error)),
        }
    }

    /// Continues the report of an import that was cut off. What it has beyond the progress is
    /// removed: those rows come again.
    pub(crate) fn resume(path: &Path) -> Result<(ImportReport, ImportProgress), ReportError> {
        let progress_path = progress_path(path);
        if !exists(&progress_path)? {
            return Err(ReportError::NothingToResume { path: shown(&progress_path) });
        }
        let opened = OpenOptions::new().write(true).open(path);
        let mut file = opened.map_err(failed(path))?;
        lock(&file, path)?;
        // Only now, as the command that had the lock may have gone on.
        let progress = read_progress(&progress_path)?;
        let found = file.metadata().map_err(failed(path))?.len();
        let expected = progress.report_bytes;
        if found < expected {
            return Err(ReportError::Shorter { path: shown(path), found, expected });
        }
        file.set_len(progress.report_bytes).map_err(failed(path))?;
        file.seek(SeekFrom::Start(progress.report_bytes)).map_err(failed(path))?;
        let bytes = progress.report_bytes;
        Ok((ImportReport { path: path.to_owned(), file, bytes }, progress))
    }

    /// Writes the faults of a row.
    pub(crate) fn write(
        &mut self,
        place: &RowPlace<'_>,
        faults: &[RowFault],
    ) -> Result<(), ReportError> {
        for fault in faults {
            let line = format!("{}\n", place.json(fault));
            self.file.write_all(line.as_bytes()).map_err(failed(&self.path))?;
            self.bytes += line.len() as u64;
        }
        Ok(())
    }

    /// Makes the report durable, and then notes how far the import is.
    pub(crate) fn save(&self, progress: &ImportProgress) -> Result<(), ReportError> {
        self.file.sync_all().map_err(failed(&self.path))?;
        let path = progress_path(&self.path);
        replace(&path, &serde_json::json!(progress).to_string()).map_err(failed(&path))
    }

    /// Makes the report durable, and forgets the progress: the import is complete.
    pub(crate) fn finish(self) -> Result<(), ReportError> {
        self.file.sync_all().map_err(failed(&self.path))?;
        let path = progress_path(&self.path);
        if exists(&path)? {
            fs::remove_file(&path).and_then(|()| sync_directory(&path)).map_err(failed(&path))?;
        }
        Ok(())
    }
}

fn lock(file: &File, path: &Path) -> Result<(), ReportError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => ReportError::InUse { path: shown(path) },
        TryLockError::Error(error) => failed(path)(error),
    })
}

fn read_progress(path: &Path) -> Result<ImportProgress, ReportError> {
    if !exists(path)? {
        return Err(ReportError::NothingToResume { path: shown(path) });
    }
    let text = fs::read(path).map_err(failed(path))?;
    serde_json::from_slice(&text)
        .map_err(|error| ReportError::NoProgress { path: shown(path), reason: error.to_string() })
}

/// A row in the file, for those who look for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowPlace<'a> {
    pub(crate) row: u64,
    pub(crate) line: u64,
    pub(crate) columns: Option<&'a Columns>,
}

impl RowPlace<'_> {
    fn column(&self, fault: &RowFault) -> Option<&str> {
        self.columns.and_then(|columns| columns.header_at(&fault.pointer))
    }

    fn json(&self, fault: &RowFault) -> serde_json::Value {
        json!({
            "row": self.row,
            "line": self.line,
            "column": self.column(fault),
            "pointer": fault.pointer,
            "code": fault.code,
            "title": fault.title,
            "detail": fault.detail,
            "right": fault.right(),
        })
    }

    /// A fault as a line for people. The names in it are those of the file.
    pub(crate) fn text(&self, fault: &RowFault) -> String {
        let place = match self.column(fault) {
            Some(column) => format!(", column {column:?}"),
            None if fault.pointer.is_empty() => String::new(),
            None => format!(", {}", fault.pointer),
        };
        let right = fault.right().map(|right| format!(" (right would be {right})"));
        let right = right.unwrap_or_default();
        let text = format!("row {}, line {}{place}: {}{right}", self.row, self.line, fault.detail);
        printed_line(&text)
    }
}

/// Where the progress of an import with this report is.
fn progress_path(report: &Path) -> PathBuf {
    let mut name = OsString::from(report);
    name.push(".progress");
    PathBuf::from(name)
}

/// Replaces a file by a new one, which is on disk when this returns.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = beside(path, "part")?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&unfinished, path)).inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })?;
    sync_directory(path)
}

fn exists(path: &Path) -> Result<bool, ReportError> {
    path.try_exists().map_err(failed(path))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ReportError {
    move |source| ReportError::Failed { path: shown(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(report_bytes: u64) -> ImportProgress {
        ImportProgress {
            run: ImportRun::from_bits(1),
            arguments: String::new(),
            rows: 0,
            digest: String::new(),
            refused: 0,
            report_bytes,
            newest: 0,
            has_gap: false,
        }
    }

    #[test]
    fn a_report_that_lost_lines_is_refused_and_not_filled_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report");
        ImportReport::create(&path).unwrap().save(&progress(5)).unwrap();
        fs::write(&path, "1234").unwrap();
        let refused = ImportReport::resume(&path);
        let is_refused = matches!(refused, Err(ReportError::Shorter { found: 4, .. }));
        assert!(is_refused, "{refused:?}");
        assert_eq!(fs::read(&path).unwrap(), b"1234");
        fs::write(&path, "12345678").unwrap();
        let (report, _) = ImportReport::resume(&path).unwrap();
        assert_eq!((report.bytes, fs::read(&path).unwrap()), (5, b"12345".to_vec()));
    }

    #[test]
    fn a_report_that_is_being_written_is_not_continued_by_another_command() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report");
        let first = ImportReport::create(&path).unwrap();
        first.save(&progress(0)).unwrap();
        let second = ImportReport::resume(&path);
        assert!(matches!(second, Err(ReportError::InUse { .. })), "{second:?}");
        drop(first);
        let (_resumed, _) = ImportReport::resume(&path).unwrap();
        let third = ImportReport::resume(&path);
        assert!(matches!(third, Err(ReportError::InUse { .. })), "{third:?}");
    }

    #[test]
    fn a_fault_is_told_without_the_control_characters_of_the_file() {
        let place = RowPlace { row: 1, line: 2, columns: None };
        let fault = RowFault::in_file("/data/attributes/\u{1b}[31mred", "No \n\u{9b}field.");
        let told = r"row 1, line 2, /data/attributes/\u{1b}[31mred: No \n\u{9b}field.";
        assert_eq!(place.text(&fault), told);
    }
}
