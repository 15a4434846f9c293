//! The forms of files of profiles.

/// The form of profiles in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum TransferFormat {
    /// A JSON document on each line.
    Jsonl,
    /// A table, as RFC 4180 says.
    Csv,
}
