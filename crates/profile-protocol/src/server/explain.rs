//! Asking what a request would do.

use super::reader::{self, Object, Reader};
use crate::{Fault, ProfileEndpoint, ProfileRequest, Revision, Violations, limits};

/// What one body that asks for an explanation says: a request, and by whom it
/// would be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProfileExplain {
    /// Who would send it.
    pub scope: ExplainedScope,
    /// What would be sent.
    pub request: ProfileRequest,
}

/// Who would send an explained request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExplainedScope {
    /// A client, to `POST /client/profiles`.
    Client,
    /// A server, to `POST /api/profile-import`.
    Server,
}

impl ExplainedScope {
    /// The endpoint it would be sent to.
    pub const fn endpoint(self) -> ProfileEndpoint {
        match self {
            ExplainedScope::Client => ProfileEndpoint::Client,
            ExplainedScope::Server => ProfileEndpoint::Import,
        }
    }
}

impl ProfileExplain {
    /// Reads a body. All that is wrong with it, and with the request in it, is
    /// reported.
    pub fn parse(body: &[u8], revision: Revision) -> Result<ProfileExplain, Violations> {
        let fields = &["type", "attributes"];
        reader::read(body, limits::BODY_BYTES, "profile-explain", fields, |reader, data| {
            let attributes = reader.object_in(data, "attributes", &["scope", "body"])?;
            let scope = scope(reader, &attributes);
            let endpoint = scope.unwrap_or(ExplainedScope::Client).endpoint();
            let request = request(reader, &attributes, endpoint, revision);
            Some(ProfileExplain { scope: scope?, request: request? })
        })
    }
}

fn scope(reader: &mut Reader, attributes: &Object<'_>) -> Option<ExplainedScope> {
    let value = reader.required(attributes, "scope")?;
    match value.raw.get() {
        r#""client""# => Some(ExplainedScope::Client),
        r#""server""# => Some(ExplainedScope::Server),
        _ => {
            reader.add(&value.at, Fault::WrongType { expected: "'client' or 'server'" });
            None
        }
    }
}

fn request(
    reader: &mut Reader,
    attributes: &Object<'_>,
    endpoint: ProfileEndpoint,
    revision: Revision,
) -> Option<ProfileRequest> {
    let body = reader.required(attributes, "body")?;
    ProfileRequest::parse_at(endpoint, body.raw.get().as_bytes(), revision)
        .map_err(|violations| reader.add_all(violations.moved("", &body.at)))
        .ok()
}
