//! A request: bytes in, claims and a patch out.

mod draft;
mod places;

use draft::Draft;

use crate::{Email, Fault, Identifiers, Patch, Revision, Violation, Violations, limits};

/// What one body of `POST /client/profiles` says: whom it is about, and what
/// there is to know about them.
///
/// ```
/// use profile_protocol::{ProfileRequest, Revision};
///
/// let body = br#"{"data":{"type":"profile","attributes":{"email":"Sarah@Example.com"}}}"#;
/// let request = ProfileRequest::parse(body, Revision::LATEST)?;
/// assert_eq!(request.identifiers.email.unwrap().as_str(), "sarah@example.com");
/// # Ok::<(), profile_protocol::Violations>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProfileRequest {
    /// The revision the request was made at.
    pub revision: Revision,
    /// Whom the request is about, where it says so apart from the attributes
    /// (`meta.identifiers`). These are looked up first.
    pub subject: Identifiers,
    /// The identifiers among the attributes, and `data.id`.
    pub identifiers: Identifiers,
    /// What becomes of secondary addresses (`meta.patch_identifiers`).
    pub secondary_emails: SecondaryEmails,
    /// What there is to know.
    pub patch: Patch,
}

/// What a request says about a profile's secondary addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SecondaryEmails {
    /// Addresses that join.
    pub append: Vec<Email>,
    /// Addresses that leave.
    pub unappend: Vec<Email>,
}

impl ProfileRequest {
    /// Reads a body.
    ///
    /// Every field of every revision is read at each of them, because real
    /// clients mix them; nothing else is let through. All that is wrong is
    /// reported, not only the first of it. A body that names nobody is refused:
    /// there is nothing useful to be done with it.
    pub fn parse(body: &[u8], revision: Revision) -> Result<ProfileRequest, Violations> {
        let whole = |fault| Violations::from(Violation { pointer: String::new(), fault });
        if limits::BODY_BYTES < body.len() {
            return Err(whole(Fault::TooLarge));
        }
        let text = std::str::from_utf8(body).map_err(|error| {
            let message = format!("not UTF-8 after byte {}", error.valid_up_to());
            whole(Fault::Syntax { message })
        })?;
        let draft = Draft::read(text)
            .map_err(|error| whole(Fault::Syntax { message: error.to_string() }))?;
        draft.finish(revision)
    }
}
