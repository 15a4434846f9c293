//! Companies whose data are stored, although they are not configured.

use std::{fmt, path::Path};

use actix_web::web::Data;
use profile_store::{
    StoredCompanies,
    engine::{EngineError, TableKind},
    stored_companies,
};

use super::data_directory::{self, DataDirectoryError};
use crate::{state::GatewayState, tenants::directory::Companies};

/// Companies that have data and are not configured: at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnconfiguredCompanies {
    found: StoredCompanies,
}

impl UnconfiguredCompanies {
    fn from_found(found: StoredCompanies) -> Option<UnconfiguredCompanies> {
        (0 < found.count).then_some(UnconfiguredCompanies { found })
    }
}

impl fmt::Display for UnconfiguredCompanies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoredCompanies { listed, count } = &self.found;
        for (number, company) in listed.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { ", " })?;
            write!(f, "{company}")?;
        }
        match count.saturating_sub(listed.len() as u64) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Logs which companies have data and are not configured. Returns before it is logged: a large
/// store takes a while, and the gateway serves meanwhile.
pub(crate) fn report(gateway: &Data<GatewayState>) {
    let gateway = Data::clone(gateway);
    actix_web::rt::spawn(async move {
        let configured = gateway.companies.current();
        let found = gateway.store.companies(|id| configured.find(id.as_str()).is_none()).await;
        match found.map(UnconfiguredCompanies::from_found) {
            Ok(None) => {}
            Ok(Some(companies)) => tracing::warn!(
                count = companies.found.count,
                %companies,
                "data of companies that are not configured; `gateway delete-company` deletes it",
            ),
            Err(error) => {
                tracing::warn!(%error, "cannot read which companies have data");
            }
        }
    });
}

/// Why a data directory was not searched. It says nothing about the configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotSearched {
    /// A gateway has the directory open, and says the same when it starts and reloads.
    #[error("a gateway or a command is using it")]
    InUse,
    /// A table in sled is read from a copy, which takes too long for a check.
    #[error("its table is in sled; the log of `gateway serve` names them")]
    Sled,
    /// The store cannot be read.
    #[error(transparent)]
    Unreadable(DataDirectoryError),
}

impl From<DataDirectoryError> for NotSearched {
    fn from(error: DataDirectoryError) -> NotSearched {
        match error {
            DataDirectoryError::Engine(EngineError::InUse) => NotSearched::InUse,
            error @ (DataDirectoryError::Engine(_)
            | DataDirectoryError::Archive(_)
            | DataDirectoryError::NoStore { .. }
            | DataDirectoryError::BeingCopied { .. }
            | DataDirectoryError::Unfinished { .. }) => NotSearched::Unreadable(error),
        }
    }
}

impl From<EngineError> for NotSearched {
    fn from(error: EngineError) -> NotSearched {
        NotSearched::from(DataDirectoryError::from(error))
    }
}

/// The companies that have data in `directory` and are not configured. Changes nothing. A directory
/// without a store has no data.
pub async fn search(
    directory: &Path,
    configured: &Companies,
) -> Result<Option<UnconfiguredCompanies>, NotSearched> {
    match data_directory::table_in(directory)? {
        Some(TableKind::Sled) => return Err(NotSearched::Sled),
        Some(TableKind::Redb) => {}
        None => return Ok(None),
    }
    let engine = data_directory::open_read_only(directory)?;
    let is_unconfigured = |id: &profile_protocol::CompanyId| configured.find(id.as_str()).is_none();
    let found = stored_companies(&engine, is_unconfigured).await?;
    Ok(UnconfiguredCompanies::from_found(found))
}
