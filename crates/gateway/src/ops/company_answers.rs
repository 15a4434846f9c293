//! What a gateway that serves answers when it deletes or copies a company.

use serde::{Deserialize, Serialize};

/// One line of the answer to a deletion.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeletionLine {
    /// So many entries were removed so far.
    Removed(u64),
    /// The company is deleted. The receipt.
    Deleted(String),
    /// The store has no data of the company.
    NoData,
    /// The deletion ended early. Why.
    Failed(String),
}

/// The answer to a copy.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct CopiedCompany {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

impl DeletionLine {
    /// The line, with its end.
    pub(crate) fn text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}
