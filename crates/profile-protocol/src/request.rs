//! A request: bytes in, claims and a patch out.

mod draft;
mod places;

use draft::Draft;

use crate::{
    Email, Fault, IdentifierKind, Identifiers, Patch, Revision, Violation, Violations, limits,
};

/// Which endpoint a body was sent to: what it may say there, and what `null`
/// means.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ProfileEndpoint {
    /// `POST /client/profiles`, which anybody may call.
    #[default]
    Client,
    /// `POST /api/profiles`: a profile that is not there yet. No `id`, no `_kx`,
    /// no `meta`.
    Create,
    /// `PATCH /api/profiles/{id}`: the `id` says whom, and nothing else does.
    Update,
    /// `POST /api/profile-import`: what a client may say, from a server.
    Import,
}

impl ProfileEndpoint {
    /// Whether `null` takes an email address, a phone number or an external id
    /// away, instead of saying nothing of it.
    pub const fn clears_identifiers(self) -> bool {
        !matches!(self, ProfileEndpoint::Client)
    }

    /// Whether somebody may be named by a token or apart from the attributes.
    const fn looks_up(self) -> bool {
        matches!(self, ProfileEndpoint::Client | ProfileEndpoint::Import)
    }
}

/// What one body says of one profile: whom it is about, and what there is to
/// know about them.
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
    /// Identifiers that are taken away: `null` among the attributes on an email
    /// address, a phone number or an external id. No kind twice, and none at all
    /// from a client.
    pub cleared: Vec<IdentifierKind>,
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
    /// Reads a body that a client sent: [`ProfileEndpoint::Client`].
    pub fn parse(body: &[u8], revision: Revision) -> Result<ProfileRequest, Violations> {
        ProfileRequest::parse_at(ProfileEndpoint::Client, body, revision)
    }

    /// Reads a body as the endpoint it was sent to takes it.
    ///
    /// Every field of every revision is read at each of them, because real
    /// clients mix them; nothing else is let through. All that is wrong is
    /// reported, not only the first of it. A body that names nobody is refused:
    /// there is nothing useful to be done with it.
    pub fn parse_at(
        endpoint: ProfileEndpoint,
        body: &[u8],
        revision: Revision,
    ) -> Result<ProfileRequest, Violations> {
        let text = text_of(body, limits::BODY_BYTES)?;
        Draft::read(endpoint, text).map_err(Violations::syntax)?.finish(revision)
    }

    /// Reads what is the `data` of an import.
    pub(crate) fn parse_imported(
        data: &str,
        revision: Revision,
    ) -> Result<ProfileRequest, Violations> {
        let draft = Draft::read_data(ProfileEndpoint::Import, data);
        draft.map_err(Violations::syntax)?.finish(revision)
    }
}

/// The text of a body of at most so many bytes.
pub(crate) fn text_of(body: &[u8], bytes: usize) -> Result<&str, Violations> {
    if bytes < body.len() {
        let fault = Fault::TooLarge { bytes };
        return Err(Violation { pointer: String::new(), fault }.into());
    }
    std::str::from_utf8(body).map_err(|error| {
        Violations::syntax(format_args!("not UTF-8 after byte {}", error.valid_up_to()))
    })
}
