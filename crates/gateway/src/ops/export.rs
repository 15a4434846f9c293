//! `gateway export`: the profiles of a company as lines of JSON, or as a table.

mod lines;
pub(crate) mod profile_writer;
pub(crate) mod table;

use std::{io, path::PathBuf};

use profile_protocol::{CompanyId, NamedTime};
use profile_store::{
    CompanyProfiles, CompanyProfilesError, DamagedProfile, Timestamp, engine::EngineError,
};

use self::profile_writer::ProfileWriter;
use super::{
    backup::store_source::StoreSource,
    command_progress::CommandProgress,
    company_move::MoveError,
    output_file::{ExistingFile, Output, OutputError, OutputTarget},
    scratch_store::{self, ScratchStore},
};
use crate::settings::TransferFormat;

/// What is exported, and where to.
#[derive(Debug)]
pub struct ExportOrder<'a> {
    /// The company.
    pub company: &'a CompanyId,
    /// The form.
    pub format: TransferFormat,
    /// Where it is written.
    pub output: &'a OutputTarget,
    /// What happens to a file that is there.
    pub existing: ExistingFile,
    /// Only profiles that were updated then or later.
    pub since: Option<NamedTime>,
}

/// What was exported.
#[derive(Debug, Default)]
pub struct Exported {
    /// How many profiles.
    pub profiles: u64,
    /// How many profiles are damaged, and left out.
    pub damaged: u64,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store, or the gateway that serves it, cannot be read.
    #[error(transparent)]
    Source(#[from] MoveError),
    /// The store cannot be read.
    #[error("the store cannot be read")]
    Read(#[from] EngineError),
    /// The company cannot be read.
    #[error(transparent)]
    Company(#[from] CompanyProfilesError),
    /// The result cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A profile cannot be written.
    #[error("cannot write the profiles")]
    Write(#[from] io::Error),
}

/// Writes the profiles of a company. A file has its name only if all profiles are in it. Calls
/// `show` with each profile that is damaged.
pub async fn export(
    source: &StoreSource,
    order: &ExportOrder<'_>,
    show: impl Fn(&DamagedProfile),
) -> Result<Exported, ExportError> {
    let output = Output::create(order.output, order.existing)?;
    let store = ScratchStore::open(source, order.company, &copy_beside(order.output)).await?;
    let mut profiles = CompanyProfiles::of(&store.engine, order.company).await?;
    let mut writer = ProfileWriter::new(order.format, output)?;
    let (mut exported, progress) =
        (Exported::default(), CommandProgress::start("profiles exported"));
    let since = order.since.map(|since| Timestamp::from_millis(since.unix_millis()));
    while let Some(page) = profiles.next_page().await? {
        for read in page {
            match read {
                Ok(profile) if since.is_some_and(|since| profile.updated < since) => {}
                Ok(profile) => {
                    writer.write(&profile)?;
                    exported.profiles += 1;
                    progress.add(1);
                }
                Err(damaged) => {
                    exported.damaged += 1;
                    progress.aside(|| show(&damaged));
                }
            }
        }
    }
    writer.finish()?.finish()?;
    Ok(exported)
}

/// Where the copy of a store goes that a gateway serves: into the directory of the result, which
/// has space for it, or else among temporary files.
fn copy_beside(output: &OutputTarget) -> PathBuf {
    match output {
        OutputTarget::File(path) => path.clone(),
        OutputTarget::Standard => scratch_store::temporary_file(),
    }
}
