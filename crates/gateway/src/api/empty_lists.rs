//! Lists of what this gateway does not keep: metrics, lists of profiles, and events.
//!
//! Programs that read profiles ask for such a list first, to see whether a key is valid.

use actix_web::http::StatusCode;

use super::{
    call::Call,
    documents::{ApiResponse, Collection, PageLinks, ResourceIdentifier},
};

/// `GET /api/metrics`, `GET /api/lists` and `GET /api/events`. No parameter changes that there is
/// nothing, so all are accepted.
pub(super) fn list(call: &Call<'_>) -> ApiResponse {
    let links = PageLinks { this: call.own_link(), next: None, prev: None };
    let page: Collection<ResourceIdentifier> = Collection { data: Vec::new(), links };
    call.gateway.metrics.served();
    ApiResponse::with_document(StatusCode::OK, &page)
}
