//! `gateway verify`: checks every invariant of a store that is not being served.

use std::path::Path;

use profile_store::{Audit, engine::EmbeddedOptions};

use super::data_directory::{DataDirectoryError, open_existing};

/// Audits the store in `directory`. No other process may serve it meanwhile.
pub async fn verify(directory: &Path) -> Result<Audit, DataDirectoryError> {
    let engine = open_existing(directory, EmbeddedOptions::default())?;
    Ok(profile_store::audit(&engine).await?)
}
