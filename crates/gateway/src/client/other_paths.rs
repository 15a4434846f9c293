//! The other client paths of the original, about what this gateway does not keep.
//!
//! The mobile SDKs send to them on the same host, from one serial queue. A status that they retry
//! would keep their profiles waiting, so no answer here has one, whatever was sent before.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{ConnectionType, Method, StatusCode},
    web::{self, Data, Payload, ServiceConfig},
};
use serde_json::json;

use super::profiles::{context, preflight};
use crate::{
    http::{
        access_log::{self, AccessEntry},
        admission,
        error_response::error_response,
        public_url::own_link,
        refusal::Refusal,
        response::without_body_for_head,
    },
    state::GatewayState,
};

/// The paths whose requests are refused.
const NOT_KEPT: [&str; 7] = [
    "/client/back-in-stock-subscriptions",
    "/client/event-bulk-create",
    "/client/events",
    "/client/review-values-reports",
    "/client/reviews",
    "/client/subscriptions",
    "/onsite/track-analytics",
];

/// A list that apps with a map ask for. They stop watching the places that they know if it is
/// refused.
const GEOFENCES: &str = "/client/geofences";

/// The routes, each with and without a trailing slash.
pub(crate) fn routes(config: &mut ServiceConfig) {
    for path in NOT_KEPT {
        config.route(path, web::route().to(not_kept));
        config.route(&format!("{path}/"), web::route().to(not_kept));
    }
    config.route(GEOFENCES, web::route().to(geofences));
    config.route(&format!("{GEOFENCES}/"), web::route().to(geofences));
}

/// Refuses every request but a preflight.
async fn not_kept(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    let mut reply = context(&request, &gateway);
    let entry = AccessEntry::begin(&request, &gateway, &reply);
    let answer = match *request.method() {
        Method::OPTIONS => preflight(&request, &gateway, &mut reply),
        _ => Err(Refusal::NotKept),
    };
    let response = match answer {
        Ok(answer) => answer,
        Err(refusal) => error_response(&request, payload, &gateway, &reply, &refusal).await,
    };
    let response = closed_in_a_flood(response, &request, &gateway);
    access_log::answered(entry, &reply, without_body_for_head(&request, response))
}

/// `GET /client/geofences`: an empty list.
async fn geofences(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    let reply = context(&request, &gateway);
    let entry = AccessEntry::begin(&request, &gateway, &reply);
    let response = if let Method::GET | Method::HEAD = *request.method() {
        let this = own_link(&request, &gateway);
        let links = json!({ "self": this, "next": null, "prev": null });
        let document = json!({ "data": [], "links": links });
        reply.answered(StatusCode::OK, None, Some(document.to_string().into_bytes()))
    } else {
        let refusal = Refusal::Method { allowed: "GET, HEAD".to_owned() };
        error_response(&request, payload, &gateway, &reply, &refusal).await
    };
    let response = closed_in_a_flood(response, &request, &gateway);
    access_log::answered(entry, &reply, without_body_for_head(&request, response))
}

/// Charges the request to its client network, which has a limit for requests without a company. One
/// beyond that limit is answered in the same way, and its connection closes.
fn closed_in_a_flood(
    mut response: HttpResponse,
    request: &HttpRequest,
    gateway: &GatewayState,
) -> HttpResponse {
    let charged = admission::without_company(request, gateway, Refusal::NotKept);
    if let Refusal::NetworkThrottled { .. } = charged {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}
