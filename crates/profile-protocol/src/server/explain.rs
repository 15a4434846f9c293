//! Explanations of what a request would do.

use super::body_reader::{self, BodyReader, KnownObject};
use crate::{
    ProfileEndpoint, ProfileRequest, Revision, Violations,
    grammar::{EXPLAIN, FieldName},
};

/// A body of `POST /api/profile-explain`: a request, and the endpoint it would be sent to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProfileExplain {
    /// The sender of the request.
    pub scope: ExplainedScope,
    /// The request.
    pub request: ProfileRequest,
}

/// The sender of an explained request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExplainedScope {
    /// A client, which sends to `POST /client/profiles`.
    Client,
    /// A server, which sends to `POST /api/profile-import`.
    Server,
}

impl ExplainedScope {
    /// The endpoint it sends to.
    pub const fn endpoint(self) -> ProfileEndpoint {
        match self {
            ExplainedScope::Client => ProfileEndpoint::Client,
            ExplainedScope::Server => ProfileEndpoint::Import,
        }
    }
}

impl ProfileExplain {
    /// Parses a body. The error has every violation, of the document and of the request in it.
    pub fn parse(body: &[u8], revision: Revision) -> Result<ProfileExplain, Violations> {
        body_reader::read(body, &EXPLAIN, |reader, data| {
            let attributes = reader.object_in(data, FieldName::Attributes)?;
            let scope = scope(reader, &attributes);
            // Without a scope, the request is still checked, as one of a client.
            let endpoint = scope.map_or(ProfileEndpoint::Client, ExplainedScope::endpoint);
            let request = request(reader, &attributes, endpoint, revision);
            Some(ProfileExplain { scope: scope?, request: request? })
        })
    }
}

fn scope(reader: &mut BodyReader, attributes: &KnownObject<'_>) -> Option<ExplainedScope> {
    let choice = reader.choice(&attributes.get(FieldName::Scope)?, "'client' or 'server'")?;
    Some(if choice == "client" { ExplainedScope::Client } else { ExplainedScope::Server })
}

fn request(
    reader: &mut BodyReader,
    attributes: &KnownObject<'_>,
    endpoint: ProfileEndpoint,
    revision: Revision,
) -> Option<ProfileRequest> {
    let body = attributes.get(FieldName::Body)?;
    ProfileRequest::parse_at(endpoint, body.raw.get().as_bytes(), revision)
        .map_err(|violations| reader.add_all(violations.moved("", &body.at)))
        .ok()
}
