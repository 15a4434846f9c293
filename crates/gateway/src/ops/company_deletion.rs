//! `gateway delete-company`: deletes all data of a company.

use std::{
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    path::Path,
};

use profile_protocol::CompanyId;
use profile_store::{
    DeleteCompanyError, SystemIdGenerator, delete_company_in_steps,
    engine::{EmbeddedOptions, Engine, EngineError},
};

use super::{
    admin_client::{AdminListener, RequestError},
    backup::store_source::StoreSource,
    command_progress::CommandProgress,
    company_answers::DeletionLine,
    data_directory::{self, DataDirectoryError},
};
use crate::limits;

/// Why the data of a company was not deleted, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeletionError {
    /// The id was not given a second time.
    #[error(transparent)]
    NotConfirmed(#[from] NotConfirmed),
    /// There is no store in the directory, or it cannot be opened.
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    /// The store has no data of the company.
    #[error("there is no data of company {company} in {path}")]
    NoData {
        /// The company.
        company: CompanyId,
        /// The data directory, or the URL of the gateway.
        path: String,
    },
    /// The gateway that serves the store did not begin the deletion.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The gateway that serves the store did not finish the deletion.
    #[error(
        "the deletion was not finished: {reason}; run the command again, or restart the gateway"
    )]
    Unfinished {
        /// Why.
        reason: String,
    },
    /// The answer of the gateway ended.
    #[error(
        "the answer of the gateway was cut off. It goes on with the deletion, unless it has ended: \
         run the command again"
    )]
    CutOff(#[source] io::Error),
    /// The store failed. A deletion that was begun is finished by the next one, or by a start.
    #[error("the deletion was not finished: run the command again, or start the gateway")]
    Failed(#[source] DeleteCompanyError),
    /// The deletion may not be on disk.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why a deletion was not confirmed. Nothing was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotConfirmed {
    /// Another id was given.
    #[error("the second id is not {company}; nothing was deleted")]
    Other {
        /// The company.
        company: CompanyId,
    },
    /// There is no terminal to ask on.
    #[error(
        "the standard input is no terminal: add --confirm {company} to delete all data of {company}"
    )]
    NoTerminal {
        /// The company.
        company: CompanyId,
    },
    /// The terminal cannot be read.
    #[error("the terminal cannot be read")]
    Terminal(#[from] io::Error),
}

/// Requires the id of the company a second time: from the arguments, or typed on the terminal.
pub fn confirm(company: &CompanyId, again: Option<&CompanyId>) -> Result<(), NotConfirmed> {
    let is_same = match again {
        Some(again) => again == company,
        None if io::stdin().is_terminal() => ask(company)? == company.as_str(),
        None => return Err(NotConfirmed::NoTerminal { company: company.clone() }),
    };
    if is_same { Ok(()) } else { Err(NotConfirmed::Other { company: company.clone() }) }
}

fn ask(company: &CompanyId) -> io::Result<String> {
    let mut terminal = io::stderr().lock();
    write!(
        terminal,
        "This deletes all data of company {company}, and cannot be undone.\n\
         Type the id of the company to continue: "
    )?;
    terminal.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// Deletes all data of a company. The deletion is on disk when this returns. Returns the receipt.
/// The journal of a data directory goes into `archive`.
pub async fn delete_company(
    source: &StoreSource,
    archive: Option<&Path>,
    company: &CompanyId,
) -> Result<String, DeletionError> {
    match source {
        StoreSource::DataDirectory(directory) => delete_in(directory, archive, company).await,
        StoreSource::Gateway(listener) => ask_gateway(listener, company),
    }
}

/// Deletes it from the store in `directory`. No other process may have the store open meanwhile.
async fn delete_in(
    directory: &Path,
    archive: Option<&Path>,
    company: &CompanyId,
) -> Result<String, DeletionError> {
    let options = EmbeddedOptions {
        cache_bytes: limits::COMPACTION_CACHE_BYTES,
        ..EmbeddedOptions::default()
    };
    let store = data_directory::open_existing(directory, options, archive)?;
    let (ids, progress) = (SystemIdGenerator::default(), CommandProgress::start("entries deleted"));
    let step = |entries| progress.add(entries);
    let deleted = delete_company_in_steps(&store.engine, company, &ids, step).await;
    let deleted = deleted.map_err(DeletionError::Failed)?;
    store.engine.sync().await?;
    let path = directory.display().to_string();
    let no_data = || DeletionError::NoData { company: company.clone(), path };
    deleted.map(|receipt| receipt.to_string()).ok_or_else(no_data)
}

/// Has it deleted by the gateway that serves the store.
fn ask_gateway(listener: &AdminListener, company: &CompanyId) -> Result<String, DeletionError> {
    let path = format!("/company-deletion?company={company}");
    let mut answer = BufReader::new(listener.post(&path, &[], limits::TRANSFER_PART_TIMEOUT)?);
    let (mut deleted, progress) = (0, CommandProgress::start("entries deleted"));
    loop {
        let mut line = Vec::new();
        let read = answer.by_ref().take(limits::DELETION_LINE_BYTES).read_until(b'\n', &mut line);
        read.map_err(DeletionError::CutOff)?;
        let line = serde_json::from_slice(&line).map_err(io::Error::from);
        match line.map_err(DeletionError::CutOff)? {
            DeletionLine::Removed(entries) => {
                progress.add(entries.saturating_sub(deleted));
                deleted = entries;
            }
            DeletionLine::Deleted(receipt) => return Ok(receipt),
            DeletionLine::NoData => {
                let path = listener.url.clone();
                return Err(DeletionError::NoData { company: company.clone(), path });
            }
            DeletionLine::Failed(reason) => return Err(DeletionError::Unfinished { reason }),
        }
    }
}
