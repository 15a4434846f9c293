//! `gateway import`: profiles of a file, each by the rules of `POST /api/profile-import`.
//!
//! - `input` has the rows of the file, `columns`, `table_row` and `json_row` say what they mean,
//!   `row_profile` makes the bodies of requests of them, from `members` of JSON objects, and `rows`
//!   puts these together.
//! - `part` is what is sent at a time; `carry_out` stores it, in this process or, behind
//!   `endpoint`, in a gateway that serves. `target` is the one or the other.
//! - `report` has the faults, and how far the import is.
//!
//! Each request has an id that names the run, the row and the body. A part that may have been sent
//! before is compared with the outcomes since, so that each row is stored exactly once.

mod carry_out;
pub mod columns;
pub(crate) mod endpoint;
pub mod input;
mod json_row;
mod members;
pub mod part;
pub mod report;
pub mod row_profile;
pub mod rows;
mod table_row;
pub mod target;

use std::{
    io::BufRead,
    path::{Path, PathBuf},
};

use profile_protocol::CompanyId;

use self::{
    input::InputError,
    part::{ImportMode, ImportPart, ImportRun, ImportStart, RefusedRow},
    report::{ImportProgress, ImportReport, ReportError, RowPlace},
    row_profile::IdUse,
    rows::{FileRows, OpenRowsError, ReadRow, RowDigest},
    target::{ImportTarget, ImportTargetError, TargetSettings},
};
use super::{backup::store_source::StoreSource, command_progress::CommandProgress};
use crate::{
    limits,
    settings::{ColumnRules, TransferFormat},
};

/// What is imported, and how.
pub struct ImportOrder<'a> {
    /// The company.
    pub company: &'a CompanyId,
    /// The form of the file.
    pub format: TransferFormat,
    /// The file.
    pub input: Box<dyn BufRead>,
    /// The configuration of a store that no gateway serves.
    pub config: Option<PathBuf>,
    /// The archive of the journal of such a store, if it is not the one that the configuration
    /// names.
    pub archive: Option<PathBuf>,
    /// What its columns are.
    pub columns: &'a ColumnRules,
    /// What is done with ids.
    pub ids: IdUse,
    /// Whether anything is stored.
    pub mode: ImportMode,
    /// The file that gets the faults.
    pub report: Option<&'a Path>,
    /// Whether an import that was cut off is continued.
    pub start: ImportStart,
}

/// What was imported.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Imported {
    /// How many rows were stored, or would be.
    pub stored: u64,
    /// How many rows were refused, or would be.
    pub refused: u64,
    /// Whether it is unknown of some rows if they were stored twice, because outcomes were removed
    /// since the import was cut off.
    pub has_gap: bool,
}

/// Why an import ended early. What was stored stays stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportCommandError {
    /// The beginning of the file.
    #[error(transparent)]
    Open(#[from] OpenRowsError),
    /// The rest of the file.
    #[error("the rows from here on were not imported")]
    Input(#[source] InputError),
    /// The store.
    #[error(transparent)]
    Target(#[from] ImportTargetError),
    /// The report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Another file.
    #[error(
        "the first {rows} rows of the input are not those of the import that was cut off: name the \
         same file and the same arguments"
    )]
    OtherInput {
        /// How many rows were dealt with.
        rows: u64,
    },
    /// Another store, or an older copy.
    #[error(
        "the newest outcome of the company is {found}, and the import that was cut off had reached \
         {reached}: this is another store or an older copy, which lacks rows; name the store of \
         the import, or begin anew with another report"
    )]
    OtherStore {
        /// The number of the newest outcome.
        found: u64,
        /// What it was after the last row that was dealt with.
        reached: u64,
    },
    /// It is unknown what is to be continued.
    #[error("an import is continued by its report: add --report")]
    NoReport,
    /// There is no entropy to name the run by.
    #[error("the operating system gave no entropy")]
    Entropy,
}

/// Imports the rows of a file. Calls `show` with each fault, if there is no report.
pub async fn import(
    order: ImportOrder<'_>,
    source: StoreSource,
    show: impl FnMut(&str),
) -> Result<Imported, ImportCommandError> {
    let ImportOrder { company, format, input, columns, ids, mode, report, start, .. } = order;
    let settings = TargetSettings { config: order.config, archive: order.archive };
    let arguments = RowDigest::of_arguments(&(company, format, columns, ids));
    let mut rows = FileRows::open(input, format, columns, ids)?;
    // Whatever can be refused without the store is refused before it is opened.
    let beginning = ImportBeginning::find(start, report, arguments, &mut rows)?;
    let target = ImportTarget::open(source, settings, company, mode).await?;
    let imported = import_into(&target, company, mode, beginning, &mut rows, show).await;
    // A store that is only dropped may wait for ever.
    let closed = target.close().await;
    let imported = imported?;
    closed?;
    Ok(imported)
}

/// Where an import begins.
enum ImportBeginning<'a> {
    /// At the first row.
    Anew {
        /// The digest of the arguments that decide what rows mean.
        arguments: String,
        /// The report, which does not exist yet.
        report: Option<&'a Path>,
    },
    /// After the rows of the progress, which were read.
    Resumed(ImportReport, ImportProgress),
}

impl ImportBeginning<'_> {
    fn find<'a>(
        start: ImportStart,
        report: Option<&'a Path>,
        arguments: String,
        rows: &mut FileRows,
    ) -> Result<ImportBeginning<'a>, ImportCommandError> {
        match start {
            ImportStart::Anew => {
                report.map_or(Ok(()), ImportReport::refuse_existing)?;
                Ok(ImportBeginning::Anew { arguments, report })
            }
            ImportStart::Resumed => {
                let path = report.ok_or(ImportCommandError::NoReport)?;
                let (report, progress) = ImportReport::resume(path)?;
                skip(rows, &progress, &arguments)?;
                Ok(ImportBeginning::Resumed(report, progress))
            }
        }
    }
}

/// Imports the rows that are left into a target that is open.
async fn import_into(
    target: &ImportTarget,
    company: &CompanyId,
    mode: ImportMode,
    beginning: ImportBeginning<'_>,
    rows: &mut FileRows,
    show: impl FnMut(&str),
) -> Result<Imported, ImportCommandError> {
    match beginning {
        ImportBeginning::Anew { arguments, report } => {
            let progress = new_progress(company, mode, arguments, rows, target).await?;
            let mut run = RunningImport::new(target, &progress, company, mode, show);
            run.report = report.map(ImportReport::create).transpose()?;
            run.save()?;
            run.all(rows).await
        }
        ImportBeginning::Resumed(report, progress) => {
            let found = newest_outcome(company, mode, progress.run, target).await?;
            let reached = progress.newest;
            if found < reached {
                return Err(ImportCommandError::OtherStore { found, reached });
            }
            let mut run = RunningImport::new(target, &progress, company, mode, show);
            run.report = Some(report);
            run.is_resumed = true;
            run.part.is_repeated = true;
            run.all(rows).await
        }
    }
}

/// The number of the company's newest outcome, which the answer to a part without rows has.
async fn newest_outcome(
    company: &CompanyId,
    mode: ImportMode,
    run: ImportRun,
    target: &ImportTarget,
) -> Result<u64, ImportTargetError> {
    let part = ImportPart::empty(company, run, mode);
    Ok(target.carry_out(&part).await?.newest)
}

/// The progress of an import that begins.
async fn new_progress(
    company: &CompanyId,
    mode: ImportMode,
    arguments: String,
    rows: &FileRows,
    target: &ImportTarget,
) -> Result<ImportProgress, ImportCommandError> {
    let mut bits = [0; 8];
    getrandom::fill(&mut bits).or(Err(ImportCommandError::Entropy))?;
    let run = ImportRun::from_bits(u64::from_be_bytes(bits));
    let newest = newest_outcome(company, mode, run, target).await?;
    let digest = rows.digest.to_string();
    Ok(ImportProgress {
        run,
        arguments,
        rows: 0,
        digest,
        refused: 0,
        report_bytes: 0,
        newest,
        has_gap: false,
    })
}

/// Reads the rows that are dealt with, and makes sure that they are the same.
fn skip(
    rows: &mut FileRows,
    progress: &ImportProgress,
    arguments: &str,
) -> Result<(), ImportCommandError> {
    let other = || ImportCommandError::OtherInput { rows: progress.rows };
    if progress.arguments != arguments {
        return Err(other());
    }
    while rows.count < progress.rows {
        rows.next().map_err(ImportCommandError::Input)?.ok_or_else(other)?;
    }
    if rows.digest.to_string() == progress.digest { Ok(()) } else { Err(other()) }
}

/// An import under way.
struct RunningImport<'a, F> {
    target: &'a ImportTarget,
    report: Option<ImportReport>,
    /// Whether each part may have been sent before. The outcomes since the part before are few.
    is_resumed: bool,
    progress: ImportProgress,
    /// The rows that are sent next.
    part: ImportPart,
    /// Those rows, and rows that the file itself makes impossible, with their lines.
    waiting: Vec<(u64, u64, Option<RefusedRow>)>,
    /// The size of the bodies of the part.
    bytes: usize,
    imported: Imported,
    shown: CommandProgress,
    show: F,
}

impl<'a, F: FnMut(&str)> RunningImport<'a, F> {
    fn new(
        target: &'a ImportTarget,
        progress: &ImportProgress,
        company: &CompanyId,
        mode: ImportMode,
        show: F,
    ) -> RunningImport<'a, F> {
        let mut part = ImportPart::empty(company, progress.run, mode);
        part.after = progress.newest;
        let (stored, refused) = (progress.rows - progress.refused, progress.refused);
        RunningImport {
            target,
            report: None,
            is_resumed: false,
            progress: progress.clone(),
            part,
            waiting: Vec::new(),
            bytes: 0,
            imported: Imported { stored, refused, has_gap: progress.has_gap },
            shown: CommandProgress::start("rows imported"),
            show,
        }
    }

    /// All rows that are left.
    async fn all(mut self, rows: &mut FileRows) -> Result<Imported, ImportCommandError> {
        self.try_all(rows).await?;
        if let Some(report) = self.report {
            report.finish()?;
        }
        Ok(self.imported)
    }

    async fn try_all(&mut self, rows: &mut FileRows) -> Result<(), ImportCommandError> {
        loop {
            match rows.next() {
                Ok(Some(row)) => self.add(row),
                Ok(None) => return self.send(rows).await,
                Err(error) => {
                    self.send(rows).await?;
                    return Err(ImportCommandError::Input(error));
                }
            }
            if limits::TRANSFER_PART_ROWS <= self.waiting.len()
                || limits::TRANSFER_PART_BYTES <= self.bytes
            {
                self.send(rows).await?;
            }
        }
    }

    fn add(&mut self, ReadRow { row, line, documents }: ReadRow) {
        match documents {
            Ok(documents) => {
                self.bytes += documents.iter().map(|document| document.get().len()).sum::<usize>();
                self.part.rows.push(part::PartRow { row, documents });
                self.waiting.push((row, line, None));
            }
            Err(faults) => self.waiting.push((row, line, Some(RefusedRow { row, faults }))),
        }
    }

    /// Sends the rows that wait, writes their faults, and notes how far the import is.
    async fn send(&mut self, rows: &FileRows) -> Result<(), ImportCommandError> {
        let answer = self.answer().await?;
        self.part.is_repeated = self.is_resumed;
        self.part.after = answer.newest;
        self.part.rows.clear();
        self.bytes = 0;
        self.imported.has_gap |= answer.has_gap;
        let mut refused = answer.refused;
        for (row, line, faulty) in std::mem::take(&mut self.waiting) {
            refused.extend(faulty);
            let found = refused.iter().position(|refused| refused.row == row);
            match found.map(|place| refused.swap_remove(place)) {
                Some(refused) => self.refuse(&refused, line, rows)?,
                None => self.imported.stored += 1,
            }
            self.shown.add(1);
        }
        self.progress.rows = rows.count;
        self.progress.digest = rows.digest.to_string();
        self.progress.refused = self.imported.refused;
        self.progress.newest = answer.newest;
        self.progress.has_gap = self.imported.has_gap;
        self.save()?;
        Ok(())
    }

    /// Notes how far the import is. One that stores nothing has nothing to continue.
    fn save(&mut self) -> Result<(), ReportError> {
        match &self.report {
            Some(report) if self.part.mode == ImportMode::Apply => {
                self.progress.report_bytes = report.bytes;
                report.save(&self.progress)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Sends the part, again if the gateway could not take it.
    async fn answer(&mut self) -> Result<part::PartAnswer, ImportTargetError> {
        let mut attempt = 1;
        loop {
            match self.target.carry_out(&self.part).await {
                Err(error) if error.is_temporary() && attempt < limits::TRANSFER_ATTEMPTS => {
                    attempt += 1;
                    self.part.is_repeated = true;
                    actix_web::rt::time::sleep(limits::TRANSFER_RETRY).await;
                }
                answer => return answer,
            }
        }
    }

    fn refuse(
        &mut self,
        refused: &RefusedRow,
        line: u64,
        rows: &FileRows,
    ) -> Result<(), ReportError> {
        self.imported.refused += 1;
        let place = RowPlace { row: refused.row, line, columns: rows.columns() };
        if let Some(report) = &mut self.report {
            return report.write(&place, &refused.faults);
        }
        for fault in &refused.faults {
            self.shown.aside(|| (self.show)(&place.text(fault)));
        }
        Ok(())
    }
}
