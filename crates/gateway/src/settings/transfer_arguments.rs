//! The arguments of the commands that write and read files of profiles.

use clap::Args;
use profile_protocol::{CompanyId, NamedTime};

use super::{SourceArguments, TransferFormat};
use crate::ops::output_file::{ExistingFile, OutputTarget};

/// The arguments of `gateway export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The company.
    #[arg(long, env = "GATEWAY_COMPANY", value_name = "ID")]
    pub company: CompanyId,
    /// The form of the profiles: a JSON document on each line, or a table.
    #[arg(long, env = "GATEWAY_FORMAT", value_enum)]
    pub format: TransferFormat,
    /// The file to write, or `-` for the standard output.
    #[arg(long, env = "GATEWAY_OUTPUT", value_name = "FILE")]
    pub output: OutputTarget,
    /// Replace the file if it exists.
    #[arg(long, env = "GATEWAY_OVERWRITE")]
    pub overwrite: bool,
    /// Only profiles that were updated at this time or later, such as `2026-11-30T12:00:00Z`
    /// [default: all].
    #[arg(long, env = "GATEWAY_SINCE", value_name = "TIME")]
    pub since: Option<NamedTime>,
    /// The store.
    #[command(flatten)]
    pub source: SourceArguments,
}

impl ExportArguments {
    /// What happens to a file that is there.
    pub fn existing(&self) -> ExistingFile {
        if self.overwrite { ExistingFile::Replaced } else { ExistingFile::Kept }
    }
}
