//! `gateway verify`: checks every invariant of a store that is not being served.

use std::path::Path;

use profile_store::Audit;

use super::{
    command_progress::CommandProgress,
    data_directory::{DataDirectoryError, open_read_only},
};

/// Audits the store in `directory`, and changes nothing in it. No other process may serve it
/// meanwhile.
pub async fn verify(directory: &Path) -> Result<Audit, DataDirectoryError> {
    let engine = open_read_only(directory)?;
    let progress = CommandProgress::start("entries verified");
    Ok(profile_store::audit_in_steps(&engine, |entries| progress.add(entries)).await?)
}
