//! `gateway delete-company`: deletes all data of a company.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
};

use profile_protocol::CompanyId;
use profile_store::{
    DeleteCompanyError, DeletedCompany, SystemIdGenerator,
    engine::{EmbeddedOptions, Engine, EngineError},
};

use super::data_directory::{self, DataDirectoryError};
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
        /// The data directory.
        path: String,
    },
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

/// Deletes all data of a company from the store in `directory`, whose journal goes into `archive`.
/// No other process may have the store open meanwhile. The deletion is on disk when this returns.
pub async fn delete_company(
    directory: &Path,
    archive: Option<&Path>,
    company: &CompanyId,
) -> Result<DeletedCompany, DeletionError> {
    let options = EmbeddedOptions {
        cache_bytes: limits::COMPACTION_CACHE_BYTES,
        ..EmbeddedOptions::default()
    };
    let store = data_directory::open_existing(directory, options, archive)?;
    let id_generator = SystemIdGenerator::default();
    let deleted = profile_store::delete_company(&store.engine, company, &id_generator).await;
    let deleted = deleted.map_err(DeletionError::Failed)?;
    store.engine.sync().await?;
    deleted.ok_or_else(|| DeletionError::NoData {
        company: company.clone(),
        path: directory.display().to_string(),
    })
}
