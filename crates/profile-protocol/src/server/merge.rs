//! Manual merges and their undoing.

use super::body_reader::{self, BodyReader, KnownObject};
use crate::{
    ClaimedId, Violations,
    grammar::{FieldName, IdentifierField, MERGE, UNMERGE},
};

/// A body of `POST /api/profile-merge`: a profile that remains, and another that is merged into it.
///
/// ```
/// use profile_protocol::ProfileMerge;
///
/// let body = br#"{"data":{"type":"profile-merge","id":"01GDDKASAP8TKDDA2GRZDSVP4H",
///     "relationships":{"profiles":{"data":[]}}}}"#;
/// let violations = ProfileMerge::parse(body).unwrap_err();
/// let expected = "/data/relationships/profiles/data: Must contain exactly one profile.";
/// assert_eq!(violations.to_string(), expected);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProfileMerge {
    /// The profile that remains.
    pub destination: ClaimedId,
    /// The profile that is merged into it.
    pub source: ClaimedId,
}

impl ProfileMerge {
    /// Parses a body. The error has every violation.
    pub fn parse(body: &[u8]) -> Result<ProfileMerge, Violations> {
        body_reader::read(body, &MERGE, |reader, data| {
            let destination = reader.parsed_in(data, IdentifierField::Id);
            let source = source(reader, data);
            Some(ProfileMerge { destination: destination?, source: source? })
        })
    }
}

fn source(reader: &mut BodyReader, data: &KnownObject<'_>) -> Option<ClaimedId> {
    let relationships = reader.object_in(data, FieldName::Relationships)?;
    let profiles = reader.object_in(&relationships, FieldName::Profiles)?;
    let sources = reader.resources(&profiles.get(FieldName::Data)?)?;
    let source = reader.element(sources.first()?)?;
    reader.parsed_in(&source, IdentifierField::Id)
}

/// A body of `POST /api/profile-unmerge`: the profile whose merge is undone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProfileUnmerge {
    /// The profile that was merged into another.
    pub profile: ClaimedId,
    /// Whether nothing is to be written.
    pub is_preview: bool,
}

impl ProfileUnmerge {
    /// Parses a body. The error has every violation.
    pub fn parse(body: &[u8]) -> Result<ProfileUnmerge, Violations> {
        body_reader::read(body, &UNMERGE, |reader, data| {
            let attributes = reader.object_in(data, FieldName::Attributes)?;
            let profile = reader.parsed_in(&attributes, FieldName::ProfileId);
            let is_preview = match attributes.get(FieldName::Mode) {
                Some(mode) => reader.choice(&mode, "'preview' or 'apply'")? == "preview",
                None => false,
            };
            Some(ProfileUnmerge { profile: profile?, is_preview })
        })
    }
}
