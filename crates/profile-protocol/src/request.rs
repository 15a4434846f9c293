//! A request about one profile.

use crate::{Email, IdentifierKind, Identifiers, Patch, Revision};

/// What one body says about one profile: its identifiers and the changes to its attributes.
///
/// A request is either parsed from a body or built by a
/// [`ProfileRequestBuilder`](crate::ProfileRequestBuilder), which checks the same rules.
///
/// ```
/// use profile_protocol::{ProfileRequest, Revision};
///
/// let body = br#"{"data":{"type":"profile","attributes":{"email":"Sarah@Example.com"}}}"#;
/// let request = ProfileRequest::parse(body, Revision::LATEST)?;
/// let email = request.identifiers().email.as_ref().unwrap();
/// assert_eq!(email.as_str(), "sarah@example.com");
/// # Ok::<(), profile_protocol::Violations>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProfileRequest {
    // Invariant: a body says this, and an endpoint takes that body.
    parts: RequestParts,
}

/// The parts of a [`ProfileRequest`]. No request can be made from them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestParts {
    /// The revision of the request.
    pub revision: Revision,
    /// The identifiers in `meta.identifiers`, which are looked up first.
    pub subject: Identifiers,
    /// The identifiers among the attributes, and `data.id`.
    pub identifiers: Identifiers,
    /// The identifiers to remove: those attributes that are `null`, of an email address, a phone
    /// number or an external id. Each kind at most once; the client endpoint removes none.
    pub cleared: Vec<IdentifierKind>,
    /// The changes to secondary addresses (`meta.patch_identifiers`).
    pub secondary_emails: SecondaryEmails,
    /// The changes to attributes.
    pub patch: Patch,
}

impl RequestParts {
    /// The parts of a request that says nothing yet.
    pub(crate) fn new(revision: Revision) -> RequestParts {
        RequestParts {
            revision,
            subject: Identifiers::default(),
            identifiers: Identifiers::default(),
            cleared: Vec::new(),
            secondary_emails: SecondaryEmails::default(),
            patch: Patch::default(),
        }
    }
}

/// What a request says about a profile's secondary addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SecondaryEmails {
    /// Addresses to add.
    pub append: Vec<Email>,
    /// Addresses to remove.
    pub unappend: Vec<Email>,
}

impl ProfileRequest {
    /// The request with these parts, which the parser has read.
    pub(crate) const fn from_parsed(parts: RequestParts) -> ProfileRequest {
        ProfileRequest { parts }
    }

    /// The revision of the request.
    pub const fn revision(&self) -> Revision {
        self.parts.revision
    }

    /// The identifiers in `meta.identifiers`, which are looked up first.
    pub const fn subject(&self) -> &Identifiers {
        &self.parts.subject
    }

    /// The identifiers among the attributes, and `data.id`.
    pub const fn identifiers(&self) -> &Identifiers {
        &self.parts.identifiers
    }

    /// The kinds of identifier to remove, each at most once.
    pub fn cleared(&self) -> &[IdentifierKind] {
        &self.parts.cleared
    }

    /// The changes to secondary addresses.
    pub const fn secondary_emails(&self) -> &SecondaryEmails {
        &self.parts.secondary_emails
    }

    /// The changes to attributes.
    pub const fn patch(&self) -> &Patch {
        &self.parts.patch
    }

    /// The parts of the request.
    pub const fn parts(&self) -> &RequestParts {
        &self.parts
    }

    /// The parts of the request.
    pub fn into_parts(self) -> RequestParts {
        self.parts
    }
}
