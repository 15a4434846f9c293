//! What a command sends of an import at a time, and what is answered.

use std::{fmt, str::FromStr};

use profile_protocol::CompanyId;
use profile_store::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The name of a run of an import. The outcome of each row has it in the id of its request, so that
/// a run that is continued knows which rows are stored.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ImportRun(u64);

/// Begins the id of a request.
const PREFIX: &str = "import-";

/// The text is not an [`ImportRun`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a run has 16 hexadecimal digits")]
pub(crate) struct InvalidImportRun;

/// The place of a request in an import: its row, and its number among the requests of the row.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct ImportStep {
    pub(crate) row: u64,
    pub(crate) document: usize,
}

impl ImportRun {
    /// A run with these random bits.
    pub(crate) const fn from_bits(bits: u64) -> ImportRun {
        ImportRun(bits)
    }

    /// The id of the request of a step.
    pub(crate) fn request_id(self, step: ImportStep) -> Option<RequestId> {
        format!("{PREFIX}{self}-{}-{}", step.row, step.document).parse().ok()
    }

    /// The step whose request has this id, if it is one of this run.
    pub(crate) fn step_of(self, id: &RequestId) -> Option<ImportStep> {
        let id = id.to_string();
        let (run, step) = id.strip_prefix(PREFIX)?.split_once('-')?;
        let (row, document) = step.split_once('-')?;
        let step = ImportStep { row: row.parse().ok()?, document: document.parse().ok()? };
        (run.parse() == Ok(self)).then_some(step)
    }
}

impl fmt::Display for ImportRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ImportRun {
    type Err = InvalidImportRun;

    fn from_str(text: &str) -> Result<ImportRun, InvalidImportRun> {
        let is_whole = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u64::from_str_radix(text, 16).ok().filter(|_| is_whole);
        bits.map(ImportRun).ok_or(InvalidImportRun)
    }
}

impl TryFrom<String> for ImportRun {
    type Error = InvalidImportRun;

    fn try_from(text: String) -> Result<ImportRun, InvalidImportRun> {
        text.parse()
    }
}

impl From<ImportRun> for String {
    fn from(run: ImportRun) -> String {
        run.to_string()
    }
}

/// Whether rows are stored.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// They are stored.
    Apply,
    /// What they would do is found out, and nothing is written.
    Preview,
}

/// How an import begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ImportStart {
    /// At the first row.
    Anew,
    /// After the last row that is known to be dealt with.
    Resumed,
}

/// Some rows of an import.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ImportPart {
    pub(crate) company: String,
    pub(crate) run: ImportRun,
    pub(crate) mode: ImportMode,
    /// The number of the company's newest outcome before any of these rows was sent.
    pub(crate) after: u64,
    /// Whether the rows may have been sent before.
    pub(crate) is_repeated: bool,
    pub(crate) rows: Vec<PartRow>,
}

impl ImportPart {
    /// A part without rows.
    pub(crate) fn empty(company: &CompanyId, run: ImportRun, mode: ImportMode) -> ImportPart {
        let company = company.as_str().to_owned();
        ImportPart { company, run, mode, after: 0, is_repeated: false, rows: Vec::new() }
    }
}

/// A row: one body of `POST /api/profile-import` after the other.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct PartRow {
    pub(crate) row: u64,
    pub(crate) documents: Vec<Box<RawValue>>,
}

/// Which of some rows were not stored. The others are on disk.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct PartAnswer {
    /// The number of the company's newest outcome.
    pub(crate) newest: u64,
    /// Whether outcomes since `after` were removed, so that it is unknown whether rows that may
    /// have been sent before were stored.
    pub(crate) has_gap: bool,
    pub(crate) refused: Vec<RefusedRow>,
}

/// A row that was not stored, or not all of it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct RefusedRow {
    pub(crate) row: u64,
    pub(crate) faults: Vec<RowFault>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct RowFault {
    /// Where it is in the body that the row became.
    pub(crate) pointer: String,
    pub(crate) code: String,
    pub(crate) title: String,
    /// What is wrong, and what would be right.
    pub(crate) detail: String,
}

impl RowFault {
    /// A fault of the file itself.
    pub(crate) fn in_file(pointer: &str, detail: impl Into<String>) -> RowFault {
        RowFault {
            pointer: pointer.to_owned(),
            code: "invalid".to_owned(),
            title: "Invalid row.".to_owned(),
            detail: detail.into(),
        }
    }

    /// What would be right in place of an identifier.
    pub(crate) fn right(&self) -> Option<&'static str> {
        let (_, name) = self.pointer.rsplit_once('/')?;
        match name {
            "email" => Some(
                "an address such as ann@example.com, and no placeholder such as null; without \
                 one, leave the value empty",
            ),
            "phone_number" => Some(
                "a number with + and the code of its country, such as +15005550006; without one, \
                 leave the value empty",
            ),
            "external_id" | "anonymous_id" => Some(
                "an id that one person has, and no placeholder such as null or 0; without one, \
                 leave the value empty",
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_read_from_the_id_of_its_request_and_from_no_other() {
        let (run, other) = (ImportRun::from_bits(7), ImportRun::from_bits(8));
        let step = ImportStep { row: 123_456_789_012, document: 3 };
        let id = run.request_id(step).unwrap();
        assert_eq!(id.to_string(), "import-0000000000000007-123456789012-3");
        assert_eq!(run.step_of(&id), Some(step));
        assert_eq!(other.step_of(&id), None);
        for id in ["import-7-1-1", "import-0000000000000007-1", "7b1c04f2-3d5e-4a6b-8c9d"] {
            assert_eq!(run.step_of(&id.parse().unwrap()), None, "{id}");
        }
    }
}
