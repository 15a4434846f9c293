//! The kind of table that an operator chooses for a new data directory.

use std::{fmt, str::FromStr};

use clap::ValueEnum;
use profile_store::engine::TableKind;

/// The kind of table of a new data directory.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum TableSetting {
    /// A file of redb.
    #[default]
    Redb,
    /// A log of sled.
    Sled,
}

impl TableSetting {
    /// The name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            TableSetting::Redb => "redb",
            TableSetting::Sled => "sled",
        }
    }
}

impl From<TableKind> for TableSetting {
    fn from(kind: TableKind) -> TableSetting {
        match kind {
            TableKind::Redb => TableSetting::Redb,
            TableKind::Sled => TableSetting::Sled,
        }
    }
}

impl From<TableSetting> for TableKind {
    fn from(setting: TableSetting) -> TableKind {
        match setting {
            TableSetting::Redb => TableKind::Redb,
            TableSetting::Sled => TableKind::Sled,
        }
    }
}

impl fmt::Display for TableSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TableSetting {
    type Err = InvalidTable;

    fn from_str(text: &str) -> Result<TableSetting, InvalidTable> {
        match text {
            "redb" => Ok(TableSetting::Redb),
            "sled" => Ok(TableSetting::Sled),
            _ => Err(InvalidTable),
        }
    }
}

/// The text is not a [`TableSetting`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be \"redb\" or \"sled\"")]
pub struct InvalidTable;
