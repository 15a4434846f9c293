//! Many profiles at once.

use std::num::NonZeroUsize;

use super::reader::{self, Object, Reader, Value};
use crate::{Fault, ProfileRequest, Revision, Violation, Violations, limits};

/// What one body of `POST /api/profile-bulk-import-jobs` says: many profiles, in
/// the order they were sent, those that nothing can be made of with all that is
/// wrong with them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BulkImport {
    /// At least one, at most [`limits::BULK_PROFILES`].
    pub profiles: Vec<Result<ProfileRequest, Violations>>,
}

const NUMBER: &str = "1 to 10000 profiles";
const _: () = assert!(limits::BULK_PROFILES == 10_000, "the fault says how many there may be");

impl BulkImport {
    /// Reads a body. Each profile is read as an import of its own is, and one that
    /// is faulty does not spoil the others; a fault of the document itself refuses
    /// all of it. Once [`limits::BULK_VIOLATIONS`] faults are told of, each
    /// further faulty profile is told of one.
    pub fn parse(body: &[u8], revision: Revision) -> Result<BulkImport, Violations> {
        let fields = &["type", "attributes", "relationships"];
        let resource = "profile-bulk-import-job";
        let elements = reader::read(body, limits::BULK_BODY_BYTES, resource, fields, elements)?;
        let mut told = 0;
        let mut profiles = Vec::with_capacity(elements.len());
        for element in elements {
            let profile = profile(&element, revision).map_err(|violations| {
                let left = limits::BULK_VIOLATIONS.saturating_sub(told);
                let violations = violations.first(NonZeroUsize::MIN.saturating_add(left));
                told += violations.iter().len();
                violations
            });
            profiles.push(profile);
        }
        Ok(BulkImport { profiles })
    }
}

fn elements<'a>(reader: &mut Reader, data: &Object<'a>) -> Option<Vec<Value<'a>>> {
    let attributes = reader.object_in(data, "attributes", &["profiles"])?;
    let profiles = reader.object_in(&attributes, "profiles", &["data"])?;
    let list = reader.required(&profiles, "data")?;
    reader.list(&list, 1..=limits::BULK_PROFILES, NUMBER)
}

fn profile(element: &Value<'_>, revision: Revision) -> Result<ProfileRequest, Violations> {
    let text = element.raw.get();
    if limits::BODY_BYTES < text.len() {
        let fault = Fault::ProfileTooLarge;
        return Err(Violation { pointer: element.at.clone(), fault }.into());
    }
    ProfileRequest::parse_imported(text, revision)
        .map_err(|violations| violations.moved("/data", &element.at))
}
