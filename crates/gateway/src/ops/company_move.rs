//! `gateway move-company`: copies all data of a company into another store.

use std::{io, path::Path};

use profile_protocol::CompanyId;
use profile_store::{
    CompanyCopy, Copied, CopyCompanyError, SystemIdGenerator,
    engine::{EmbeddedEngine, EmbeddedOptions, EngineError},
};

use super::{
    backup::store_source::{SourceError, StoreSource},
    company_statistics,
    data_directory::{self, DataDirectoryError, OpenedStore},
};
use crate::limits;

/// Why a company was not copied. The other store has nothing of it once it is opened again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The first store cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The other store cannot be opened.
    #[error(transparent)]
    Target(#[from] DataDirectoryError),
    /// There is no place for a temporary copy.
    #[error("cannot make a temporary copy of the store")]
    Scratch(#[source] io::Error),
    /// The first store has no data of the company.
    #[error("the store has no data of company {company}")]
    NoData {
        /// The company.
        company: CompanyId,
    },
    /// The other store cannot get the company.
    #[error(transparent)]
    Copy(#[from] CopyCompanyError),
}

/// The store that gets a company.
#[derive(Clone, Copy, Debug)]
pub struct MoveTarget<'a> {
    /// Its directory, which is not being served. If it is empty or missing, it gets a new store.
    pub directory: &'a Path,
    /// The archive of its journal, if there is one.
    pub archive: Option<&'a Path>,
}

/// Copies a company into another store. The copy is on disk when this returns.
pub async fn copy_company(
    source: &StoreSource,
    company: &CompanyId,
    into: MoveTarget<'_>,
) -> Result<Copied, MoveError> {
    require(source, company).await?;
    copy_into(source, company, into).await
}

/// The same, if the first store has data of the company. Otherwise the other one gets nothing.
pub(crate) async fn copy_into(
    source: &StoreSource,
    company: &CompanyId,
    into: MoveTarget<'_>,
) -> Result<Copied, MoveError> {
    let target = open(into)?;
    let mut copy =
        CompanyCopy::begin(&target.engine, company, &SystemIdGenerator::default()).await?;
    let layout = source
        .each_page(async |entries| copy.write(entries).await.map_err(MoveError::from))
        .await?;
    let copied = copy.finish(&layout).await?;
    target.engine.close().map_err(DataDirectoryError::from)?;
    Ok(copied)
}

/// Fails if the store has no data of the company, before anything is written.
async fn require(source: &StoreSource, company: &CompanyId) -> Result<(), MoveError> {
    let mut is_there = false;
    company_statistics::count(source, Some(company), |_| is_there = true).await?;
    if is_there { Ok(()) } else { Err(MoveError::NoData { company: company.clone() }) }
}

/// Opens the store of a directory, and creates it if there is nothing yet.
fn open(
    MoveTarget { directory, archive }: MoveTarget<'_>,
) -> Result<OpenedStore, DataDirectoryError> {
    let options = EmbeddedOptions {
        cache_bytes: limits::COMPACTION_CACHE_BYTES,
        ..EmbeddedOptions::default()
    };
    if !data_directory::has_store(directory)? {
        data_directory::prepare(directory).map_err(EngineError::Io)?;
        EmbeddedEngine::open(directory, options)?.close()?;
    }
    data_directory::open_existing(directory, options, archive)
}
