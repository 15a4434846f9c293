//! Two profiles are one person, or after all are not.

use super::reader::{self, Object, Reader};
use crate::{ClaimedId, Violations, limits};

/// What one body of `POST /api/profile-merge` says: a profile that goes on, and
/// another that becomes part of it.
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
    /// The profile that goes on.
    pub destination: ClaimedId,
    /// The profile that becomes part of it.
    pub source: ClaimedId,
}

impl ProfileMerge {
    /// Reads a body. All that is wrong with it is reported.
    pub fn parse(body: &[u8]) -> Result<ProfileMerge, Violations> {
        let fields = &["type", "id", "relationships"];
        reader::read(body, limits::BODY_BYTES, "profile-merge", fields, |reader, data| {
            let destination = reader.text_in(data, "id");
            let source = source(reader, data);
            Some(ProfileMerge { destination: destination?, source: source? })
        })
    }
}

fn source(reader: &mut Reader, data: &Object<'_>) -> Option<ClaimedId> {
    let relationships = reader.object_in(data, "relationships", &["profiles"])?;
    let profiles = reader.object_in(&relationships, "profiles", &["data"])?;
    let list = reader.required(&profiles, "data")?;
    let sources = reader.list(&list, 1..=1, "exactly one profile")?;
    let source = reader.resource(sources.first()?, "profile", &["type", "id"])?;
    reader.text_in(&source, "id")
}

/// What one body that undoes a merge says: which profile is to be one again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProfileUnmerge {
    /// The profile that became part of another.
    pub profile: ClaimedId,
}

impl ProfileUnmerge {
    /// Reads a body. All that is wrong with it is reported.
    pub fn parse(body: &[u8]) -> Result<ProfileUnmerge, Violations> {
        let fields = &["type", "attributes"];
        reader::read(body, limits::BODY_BYTES, "profile-unmerge", fields, |reader, data| {
            let attributes = reader.object_in(data, "attributes", &["profile_id"])?;
            Some(ProfileUnmerge { profile: reader.text_in(&attributes, "profile_id")? })
        })
    }
}
