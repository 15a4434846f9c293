//! The parser of one profile: bytes in, a request or every violation out.

mod values;
mod walk;

use values::RequestParser;

use crate::{
    Revision, Violations,
    body::body_text,
    endpoint::ProfileEndpoint,
    grammar::{ObjectRule, PROFILE, PROFILE_RESOURCE},
    request::ProfileRequest,
};

impl ProfileRequest {
    /// Parses a body that was sent to [`ProfileEndpoint::Client`].
    pub fn parse(body: &[u8], revision: Revision) -> Result<ProfileRequest, Violations> {
        ProfileRequest::parse_at(ProfileEndpoint::Client, body, revision)
    }

    /// Parses a body that was sent to this endpoint.
    ///
    /// The fields of every revision are accepted at each of them, because real clients mix them. A
    /// field that the [grammar](crate::grammar) does not have is refused, and so is a body without
    /// any identifier. The error has every violation, not only the first, up to
    /// [`limits::VIOLATIONS`](crate::limits::VIOLATIONS).
    pub fn parse_at(
        endpoint: ProfileEndpoint,
        body: &[u8],
        revision: Revision,
    ) -> Result<ProfileRequest, Violations> {
        let text = body_text(body, PROFILE.max_bytes)?;
        let mut parser = RequestParser::new(endpoint, revision);
        walk::read_document(&mut parser, text).map_err(Violations::syntax)?;
        parser.finish()
    }

    /// Parses the `data` of a profile, as one element of a bulk import.
    pub(crate) fn parse_resource(
        data: &str,
        revision: Revision,
    ) -> Result<ProfileRequest, Violations> {
        let (rule, endpoint) = (&PROFILE_RESOURCE, ProfileEndpoint::Import);
        ProfileRequest::parse_resource_of(rule, endpoint, data, revision)
    }

    /// Parses the `data` of a profile along a rule, as if it had been sent to this endpoint.
    pub(crate) fn parse_resource_of(
        rule: &'static ObjectRule,
        endpoint: ProfileEndpoint,
        data: &str,
        revision: Revision,
    ) -> Result<ProfileRequest, Violations> {
        let mut parser = RequestParser::new(endpoint, revision);
        walk::read_resource(&mut parser, rule, data).map_err(Violations::syntax)?;
        parser.finish()
    }
}
