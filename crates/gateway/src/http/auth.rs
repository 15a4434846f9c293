//! Private keys of requests: authentication and authorization.

use actix_web::http::header::{self, HeaderMap};

use crate::{
    http::{admission::only, refusal::Refusal},
    state::GatewayState,
    tenants::{directory::Principal, private_key::KeyDigest, scope::KeyScope},
};

/// The scheme of a private key in an `Authorization` header.
pub(crate) const SCHEME: &str = "Klaviyo-API-Key";

/// The principal of the request's private key.
pub(crate) fn principal(headers: &HeaderMap, gateway: &GatewayState) -> Result<Principal, Refusal> {
    let presented = only(headers, &header::AUTHORIZATION).and_then(presented);
    let digest = KeyDigest::from_key(presented.ok_or(Refusal::NotAuthenticated)?);
    gateway.companies.principal(digest).ok_or(Refusal::AuthenticationFailed)
}

/// Checks that the key has the scope.
pub(crate) fn require(principal: &Principal, scope: KeyScope) -> Result<(), Refusal> {
    if principal.scopes.contains(scope) { Ok(()) } else { Err(Refusal::Scope(scope)) }
}

fn presented(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.trim().split_once(' ')?;
    let key = key.trim_start();
    (scheme.eq_ignore_ascii_case(SCHEME) && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_follows_its_scheme_in_any_case() {
        assert_eq!(presented("Klaviyo-API-Key pk_1"), Some("pk_1"));
        assert_eq!(presented(" klaviyo-api-key  pk_1 "), Some("pk_1"));
        for text in ["", "pk_1", "Bearer pk_1", "Klaviyo-API-Key", "Klaviyo-API-Key "] {
            assert_eq!(presented(text), None, "{text}");
        }
    }
}
