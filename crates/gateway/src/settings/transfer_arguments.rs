//! The arguments of the commands that write and read files of profiles.

use std::path::PathBuf;

use clap::Args;
use profile_protocol::{CompanyId, NamedTime};

use super::{ColumnMapping, ColumnRules, OtherColumns, SourceArguments, TransferFormat};
use crate::ops::{
    import::{
        part::{ImportMode, ImportStart},
        row_profile::IdUse,
    },
    output_file::{ExistingFile, OutputTarget},
};

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

/// The arguments of `gateway import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The company.
    #[arg(long, env = "GATEWAY_COMPANY", value_name = "ID")]
    pub company: CompanyId,
    /// The configuration file, which has the rules of the company.
    #[arg(
        long,
        env = "GATEWAY_CONFIG",
        value_name = "FILE",
        required_unless_present = "admin_url"
    )]
    pub config: Option<PathBuf>,
    /// Find out which rows would be refused, and store nothing.
    #[arg(long, env = "GATEWAY_DRY_RUN")]
    pub dry_run: bool,
    /// The form of the file: a JSON document on each line, or a table.
    #[arg(long, env = "GATEWAY_FORMAT", value_enum)]
    pub format: TransferFormat,
    /// Leave out the column with this header; may be given several times.
    #[arg(long, env = "GATEWAY_IGNORE", value_name = "HEADER")]
    pub ignore: Vec<String>,
    /// The file to read, or `-` for the standard input.
    #[arg(long, env = "GATEWAY_INPUT", value_name = "FILE")]
    pub input: PathBuf,
    /// The archive of the journal of the data directory [default: the setting `journal_archive` of
    /// the configuration].
    #[arg(long, env = "GATEWAY_JOURNAL_ARCHIVE", value_name = "DIRECTORY")]
    pub journal_archive: Option<PathBuf>,
    /// What the column with a header is, such as `E-Mail=email` or `Plan=properties.plan`; may be
    /// given several times.
    #[arg(long, env = "GATEWAY_MAP", value_name = "HEADER=ATTRIBUTE")]
    pub map: Vec<ColumnMapping>,
    /// Find profiles by the ids in the file, which were exported from this store [default: leave
    /// ids out].
    #[arg(long, env = "GATEWAY_MATCH_IDS")]
    pub match_ids: bool,
    /// What is done with columns that nothing is said about.
    #[arg(long, env = "GATEWAY_OTHER", value_enum, default_value = "refuse")]
    pub other: OtherColumns,
    /// The file that gets the faults of refused rows [default: the standard error]. Beside it is
    /// how far the import is.
    #[arg(long, env = "GATEWAY_REPORT", value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Continue the import with this report, which was cut off.
    #[arg(long, env = "GATEWAY_RESUME", requires = "report", conflicts_with = "dry_run")]
    pub resume: bool,
    /// The store. A data directory that is empty or missing gets a new one.
    #[command(flatten)]
    pub source: SourceArguments,
}

impl ImportArguments {
    /// What the columns of a table are.
    pub fn columns(&self) -> ColumnRules {
        ColumnRules { mapped: self.map.clone(), ignored: self.ignore.clone(), others: self.other }
    }

    /// What is done with ids.
    pub fn ids(&self) -> IdUse {
        if self.match_ids { IdUse::Matched } else { IdUse::LeftOut }
    }

    /// Whether anything is stored.
    pub fn mode(&self) -> ImportMode {
        if self.dry_run { ImportMode::Preview } else { ImportMode::Apply }
    }

    /// How the import begins.
    pub fn start(&self) -> ImportStart {
        if self.resume { ImportStart::Resumed } else { ImportStart::Anew }
    }
}
