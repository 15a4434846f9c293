//! Bulk imports.

use std::num::NonZeroUsize;

use super::body_reader::{self, BodyReader, KnownObject, RawElement};
use crate::{
    Fault, ProfileRequest, Revision, Violation, Violations,
    grammar::{BULK_IMPORT, FieldName},
    limits,
    pointer::pointer,
};

/// A body of `POST /api/profile-bulk-import-jobs`: many profiles, in the order of the body, each
/// valid or with its violations.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BulkImport {
    // Invariant: at least one, at most `limits::BULK_PROFILES`.
    profiles: Vec<Result<ProfileRequest, Violations>>,
}

impl BulkImport {
    /// Parses a body. Each profile is parsed as the body of its own import would be, and a faulty
    /// one does not affect the others; a fault of the document itself refuses the whole body. After
    /// [`limits::BULK_VIOLATIONS`] violations, each further faulty profile has one.
    pub fn parse(body: &[u8], revision: Revision) -> Result<BulkImport, Violations> {
        let elements = body_reader::read(body, &BULK_IMPORT, elements)?;
        let mut reported = 0;
        let mut profiles = Vec::with_capacity(elements.len());
        for element in elements {
            let profile = profile(&element, revision).map_err(|violations| {
                let left = limits::BULK_VIOLATIONS.saturating_sub(reported);
                let violations = violations.first(NonZeroUsize::MIN.saturating_add(left));
                reported += violations.iter().len();
                violations
            });
            profiles.push(profile);
        }
        Ok(BulkImport { profiles })
    }

    /// The profiles: at least one, at most [`limits::BULK_PROFILES`].
    pub fn profiles(&self) -> &[Result<ProfileRequest, Violations>] {
        &self.profiles
    }

    /// The profiles: at least one, at most [`limits::BULK_PROFILES`].
    pub fn into_profiles(self) -> Vec<Result<ProfileRequest, Violations>> {
        self.profiles
    }
}

fn elements<'a>(reader: &mut BodyReader, data: &KnownObject<'a>) -> Option<Vec<RawElement<'a>>> {
    let attributes = reader.object_in(data, FieldName::Attributes)?;
    let profiles = reader.object_in(&attributes, FieldName::Profiles)?;
    reader.resources(&profiles.get(FieldName::Data)?)
}

fn profile(element: &RawElement<'_>, revision: Revision) -> Result<ProfileRequest, Violations> {
    let text = element.raw.get();
    if limits::BODY_BYTES < text.len() {
        let fault = Fault::ProfileTooLarge;
        return Err(Violation { pointer: element.at.clone(), fault }.into());
    }
    ProfileRequest::parse_resource(text, revision)
        .map_err(|violations| violations.moved(&pointer("", FieldName::Data.as_str()), &element.at))
}
