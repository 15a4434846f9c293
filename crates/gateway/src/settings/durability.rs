//! The durability that an operator chooses.

use std::str::FromStr;

use clap::ValueEnum;

/// The durability of an acknowledged change.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum DurabilitySetting {
    /// The change is on disk.
    #[default]
    Flushed,
    /// The change is visible, and on disk soon after.
    Relaxed,
}

impl DurabilitySetting {
    /// The name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            DurabilitySetting::Flushed => "flushed",
            DurabilitySetting::Relaxed => "relaxed",
        }
    }
}

impl FromStr for DurabilitySetting {
    type Err = InvalidDurability;

    fn from_str(text: &str) -> Result<DurabilitySetting, InvalidDurability> {
        match text {
            "flushed" => Ok(DurabilitySetting::Flushed),
            "relaxed" => Ok(DurabilitySetting::Relaxed),
            _ => Err(InvalidDurability),
        }
    }
}

/// The text is not a [`DurabilitySetting`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be \"flushed\" or \"relaxed\"")]
pub struct InvalidDurability;
