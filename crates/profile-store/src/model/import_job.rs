//! Bulk imports: the request, the progress and the result.

use profile_protocol::ProfileId;

use crate::{ProfileRef, Timestamp, limits};

/// The record of one bulk import.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportJob {
    /// What a list of imports shows.
    pub head: ImportHead,
    /// What only a request for this import shows.
    pub body: ImportBody,
    /// What names the rows that failed: of the first [`limits::IMPORT_ROWS`] of them.
    pub rows: Vec<ImportRow>,
}

/// What names a row of a bulk import that failed, as it was sent. It leaves with a person whom it
/// names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportRow {
    /// The row, counted from 0.
    pub row: u32,
    /// The ids and identifiers in the row that are valid: at most [`limits::IMPORT_ROW_NAMES`].
    pub names: Vec<ProfileRef>,
    /// The identifiers of the row as they were sent, as JSON: at most
    /// [`limits::IMPORT_ROW_BYTES`].
    pub payload: String,
}

/// The part of a bulk import that a list of imports shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImportHead {
    /// The id, which begins with the time, as a profile's does.
    pub id: ProfileId,
    /// When it was requested.
    pub created: Timestamp,
    /// When processing started.
    pub started: Option<Timestamp>,
    /// When processing ended.
    pub ended: Option<Timestamp>,
    /// The number of profiles in the request.
    pub total: u32,
    /// The number of profiles that were imported.
    pub completed: u32,
    /// The number of profiles that could not be imported.
    pub failed: u32,
}

/// The result of a bulk import.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ImportBody {
    /// The profiles that the import created or updated, in the order of its rows: at most
    /// [`limits::IMPORT_PROFILES`].
    pub profiles: Vec<ProfileId>,
    /// The problems, in the order of the rows: at most [`limits::IMPORT_ERRORS`].
    pub errors: Vec<ImportError>,
}

/// One problem of one row of a bulk import. Each text keeps at most
/// [`limits::IMPORT_TEXT_BYTES`]. The texts must not contain a value of a person, since they
/// outlive a deletion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportError {
    /// The row, counted from 0.
    pub row: u32,
    /// The code of the problem.
    pub code: String,
    /// The name of the problem.
    pub title: String,
    /// The explanation of this occurrence.
    pub detail: String,
    /// The location in the request body, as a JSON pointer.
    pub pointer: String,
}

impl ImportRow {
    /// Whether the row is as small as it has to be.
    pub(crate) fn fits(&self) -> bool {
        self.names.len() <= limits::IMPORT_ROW_NAMES
            && self.payload.len() <= limits::IMPORT_ROW_BYTES
    }
}

impl ImportBody {
    /// Truncates lists and texts to their limits.
    pub(crate) fn bounded(mut self) -> ImportBody {
        self.profiles.truncate(limits::IMPORT_PROFILES);
        self.errors.truncate(limits::IMPORT_ERRORS);
        for ImportError { row: _, code, title, detail, pointer } in &mut self.errors {
            [code, title, detail, pointer].into_iter().for_each(truncate);
        }
        self
    }
}

fn truncate(text: &mut String) {
    text.truncate(text.floor_char_boundary(limits::IMPORT_TEXT_BYTES));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_truncated_between_two_characters() {
        let mut text = format!("{}é", "x".repeat(limits::IMPORT_TEXT_BYTES - 1));
        truncate(&mut text);
        assert_eq!(text.len(), limits::IMPORT_TEXT_BYTES - 1);
        truncate(&mut text);
        assert_eq!(text.len(), limits::IMPORT_TEXT_BYTES - 1);
    }
}
