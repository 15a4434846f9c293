//! Bulk imports: what was asked, how far it got, and what came of it.

use profile_protocol::ProfileId;

use crate::{Timestamp, limits};

/// The record of one bulk import.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportJob {
    /// What a list of imports tells.
    pub head: ImportHead,
    /// What only somebody who asks for this import is told.
    pub body: ImportBody,
}

/// What a list of imports tells of each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImportHead {
    /// The id, which begins with the time, as a profile's does.
    pub id: ProfileId,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it was begun.
    pub started: Option<Timestamp>,
    /// When it was finished.
    pub ended: Option<Timestamp>,
    /// How many profiles are to be imported.
    pub total: u32,
    /// How many of them were.
    pub completed: u32,
    /// How many of them could not be.
    pub failed: u32,
}

/// What came of a bulk import.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ImportBody {
    /// The profiles it created or updated, in the order of its rows: at most
    /// [`limits::IMPORT_PROFILES`].
    pub profiles: Vec<ProfileId>,
    /// What was wrong, in the order of its rows: at most [`limits::IMPORT_ERRORS`].
    pub errors: Vec<ImportError>,
}

/// One thing that was wrong with one row of a bulk import. Texts are kept up to
/// [`limits::IMPORT_TEXT_BYTES`] each. No value of a person may be in them: they
/// outlive a deletion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportError {
    /// Which profile, from 0.
    pub row: u32,
    /// The code of the problem.
    pub code: String,
    /// Its name.
    pub title: String,
    /// What is wrong in this case.
    pub detail: String,
    /// Where it stands in the body.
    pub pointer: String,
}

impl ImportBody {
    /// The same, cut to its bounds.
    pub(crate) fn bounded(mut self) -> ImportBody {
        self.profiles.truncate(limits::IMPORT_PROFILES);
        self.errors.truncate(limits::IMPORT_ERRORS);
        for ImportError { row: _, code, title, detail, pointer } in &mut self.errors {
            [code, title, detail, pointer].into_iter().for_each(cut);
        }
        self
    }
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(limits::IMPORT_TEXT_BYTES));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_two_characters() {
        let mut text = format!("{}é", "x".repeat(limits::IMPORT_TEXT_BYTES - 1));
        cut(&mut text);
        assert_eq!(text.len(), limits::IMPORT_TEXT_BYTES - 1);
        cut(&mut text);
        assert_eq!(text.len(), limits::IMPORT_TEXT_BYTES - 1);
    }
}
