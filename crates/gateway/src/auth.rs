//! Private keys of requests: who asks, and whether they may.

use actix_web::http::header::{self, HeaderMap};

use crate::{
    admission::only, companies::Holder, private_key::KeyDigest, refusal::Refusal, scope::Scope,
    state::Gateway,
};

/// The word before a private key in an `Authorization` header.
pub(crate) const SCHEME: &str = "Klaviyo-API-Key";

/// Whom the private key of a request acts for.
pub(crate) fn holder(headers: &HeaderMap, gateway: &Gateway) -> Result<Holder, Refusal> {
    let presented = only(headers, &header::AUTHORIZATION).and_then(presented);
    let digest = KeyDigest::of(presented.ok_or(Refusal::NotAuthenticated)?);
    gateway.companies.holder(digest).ok_or(Refusal::AuthenticationFailed)
}

/// Sees that the key allows this.
pub(crate) fn require(holder: &Holder, scope: Scope) -> Result<(), Refusal> {
    if holder.scopes.contains(scope) { Ok(()) } else { Err(Refusal::Scope(scope)) }
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
