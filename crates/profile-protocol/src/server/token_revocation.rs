//! Revocations of exchange tokens.

use super::body_reader;
use crate::{
    ClaimedId, Fault, Violations,
    grammar::{FieldName, TOKEN_REVOCATION},
    pointer::pointer,
};

/// A body of `POST /api/exchange-token-revocation`: which tokens are revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenRevocation {
    /// All tokens of the company.
    Company,
    /// The tokens of this profile.
    Profile(ClaimedId),
}

impl TokenRevocation {
    /// Parses a body. The error has every violation. The scope must be given, so that a body
    /// without a profile does not revoke all tokens by mistake.
    pub fn parse(body: &[u8]) -> Result<TokenRevocation, Violations> {
        body_reader::read(body, &TOKEN_REVOCATION, |reader, data| {
            let attributes = reader.object_in(data, FieldName::Attributes)?;
            let scope = attributes.get(FieldName::Scope)?;
            let scope = reader.choice(&scope, "'company' or 'profile'")?;
            let name = FieldName::ProfileId.as_str();
            match (scope, attributes.get(FieldName::ProfileId)) {
                ("company", None) => Some(TokenRevocation::Company),
                ("company", Some(value)) => {
                    let resource = TOKEN_REVOCATION.document.resource;
                    let name = name.to_owned();
                    reader.add(&value.at, Fault::UnknownField { name, resource });
                    None
                }
                (_, Some(value)) => reader.parsed(&value).map(TokenRevocation::Profile),
                (_, None) => {
                    reader.add(&pointer(&attributes.at, name), Fault::Missing { name });
                    None
                }
            }
        })
    }
}
