//! Admin keys: who may use the endpoints of the admin listener that give data away.

use actix_web::{HttpRequest, HttpResponse, http::header};

use crate::{state::GatewayState, tenants::private_key::KeyDigest};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AdminKeyRefused {
    /// No key is configured.
    NoneConfigured,
    /// The request has no key, or one that is not configured.
    Unknown,
}

impl AdminKeyRefused {
    pub(crate) fn response(self) -> HttpResponse {
        match self {
            AdminKeyRefused::NoneConfigured => {
                HttpResponse::Forbidden().body("the setting admin_keys has no key\n")
            }
            AdminKeyRefused::Unknown => HttpResponse::Unauthorized()
                .insert_header((header::WWW_AUTHENTICATE, "Bearer"))
                .body("this needs an admin key, as in: Authorization: Bearer pk_...\n"),
        }
    }
}

/// Whether the request has a configured admin key.
pub(crate) fn authorize(
    request: &HttpRequest,
    gateway: &GatewayState,
) -> Result<(), AdminKeyRefused> {
    let keys = gateway.admin_keys();
    if keys.is_empty() {
        return Err(AdminKeyRefused::NoneConfigured);
    }
    let presented = request.headers().get(header::AUTHORIZATION);
    let presented = presented.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let digest = presented.map(KeyDigest::from_key);
    // All are compared, so that the time does not tell which one it was.
    if keys.iter().filter(|key| Some(**key) == digest).count() == 0 {
        tracing::warn!(path = request.path(), "a request without a valid admin key was refused");
        return Err(AdminKeyRefused::Unknown);
    }
    Ok(())
}
