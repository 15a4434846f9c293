//! The `OpenAPI` document of the server API.
//!
//! Paths come from the table of endpoints, responses from the response types, bodies from the
//! tables of the protocol.

mod bodies;
mod elements;
mod operations;

use std::sync::OnceLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::{Bytes, Data, Payload},
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use self::{
    elements::{
        BODY_REFUSALS, contents, id_parameter, request_body, responses, revision_parameter, with,
    },
    operations::{OpenApiOperation, operation_of},
};
use crate::{
    endpoints::{ENDPOINTS, EndpointRow},
    http::{
        access_log::{self, AccessEntry},
        admission::{admitted, charge_document, only},
        cors::Cors,
        error_response::error_response,
        refusal::Refusal,
        response::{ResponseContext, without_body_for_head},
    },
    limits,
    state::GatewayState,
    tenants::scope::KeyScope,
};

/// `GET /openapi.json`, which needs no key.
pub(super) async fn serve(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    static TEXT: OnceLock<OpenApiText> = OnceLock::new();
    let reply = ResponseContext::new(&request, &gateway, Cors::Closed, "application/json");
    let entry = AccessEntry::begin(&request, &gateway, &reply);
    if let Method::GET | Method::HEAD = *request.method() {
        let text = TEXT.get_or_init(OpenApiText::generate);
        let response = match text.answer(&request, &gateway, &reply) {
            Ok(response) => response,
            Err(refusal) => error_response(&request, payload, &gateway, &reply, &refusal).await,
        };
        let response = without_body_for_head(&request, response);
        return access_log::answered(entry, &reply, response);
    }
    let refusal = Refusal::Method { allowed: "GET, HEAD".to_owned() };
    let response = error_response(&request, payload, &gateway, &reply, &refusal).await;
    access_log::answered(entry, &reply, response)
}

/// The document, and the tag that caches compare.
struct OpenApiText {
    json: Bytes,
    tag: HeaderValue,
}

impl OpenApiText {
    fn generate() -> OpenApiText {
        let json = document();
        let digest = base16ct::lower::encode_string(&Sha256::digest(&json));
        let tag = HeaderValue::from_str(&format!("\"{digest}\"")).expect("digits are a header");
        OpenApiText { json: Bytes::from(json), tag }
    }

    /// The document, or 304 for a caller that has it already. Only the document is charged.
    fn answer(
        &self,
        request: &HttpRequest,
        gateway: &GatewayState,
        reply: &ResponseContext,
    ) -> Result<HttpResponse, Refusal> {
        let mut response =
            if only(request.headers(), &header::IF_NONE_MATCH) == self.tag.to_str().ok() {
                reply.cacheable(StatusCode::NOT_MODIFIED, None)
            } else {
                charge_document(request, gateway)?;
                let (limits, now) = (limits::OPENAPI_RATE_LIMIT, gateway.clock.elapsed());
                admitted(gateway.openapi_rate_limiter.charge(&(), limits, now))?;
                reply.cacheable(StatusCode::OK, Some(self.json.clone()))
            };
        response.headers_mut().insert(header::ETAG, self.tag.clone());
        Ok(response)
    }
}

/// The document as JSON text.
fn document() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let paths = paths(&mut generator);
    let error = generator.subschema_for::<profile_protocol::ErrorDocument>();
    let mut schemas = generator.take_definitions(true);
    schemas.extend(bodies::schemas());
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "profile-gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Create, update, merge, explain and erase profiles.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Refused": refused(&error.to_value()) },
            "securitySchemes": { "private_key": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Klaviyo-API-Key` and a private key of the company.",
            } },
        },
    });
    serde_json::to_string_pretty(&document).expect("the keys of a document are strings") + "\n"
}

fn refused(error: &Value) -> Value {
    json!({
        "description": "The request was refused; each error says what is wrong, where, and what \
                        would be right.",
        "headers": { "Retry-After": {
            "description": "Seconds after which asking again may help (429 and 503).",
            "schema": { "type": "integer", "minimum": 1 },
        } },
        "content": contents(error),
    })
}

fn paths(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut paths = Map::new();
    for row in &ENDPOINTS {
        let operation = operation_of(row.endpoint, generator);
        let described = described(row, operation);
        let path = paths.entry(row.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(row.method.as_str().to_lowercase(), described);
        }
    }
    for (path, operation) in [
        ("/client/profiles", operations::client(generator)),
        ("/client/push-tokens", operations::register_push_token()),
        ("/client/push-token-unregister", operations::unregister_push_token()),
    ] {
        paths.insert(path.to_owned(), json!({ "post": operation }));
    }
    paths
}

fn described(row: &EndpointRow, operation: OpenApiOperation) -> Value {
    let OpenApiOperation { name, mut parameters, body, answers, conflicts } = operation;
    let of_body = if body.is_some() { &BODY_REFUSALS[..] } else { &[] };
    let of_conflict = if conflicts { &["409"][..] } else { &[] };
    let refusals = ["401"].iter().chain(of_body).chain(of_conflict).copied();
    parameters.push(revision_parameter());
    if row.path.contains("{id}") {
        parameters.push(id_parameter());
    }
    let (burst, steady) = (row.limits.burst, row.limits.steady);
    let mut described = json!({
        "operationId": name,
        "summary": row.summary,
        "description": format!(
            "{}. Rate limits of each company: {burst} in 1 second, {steady} in 60.",
            scopes(row.scopes)
        ),
        "tags": [tag_of(row.scopes)],
        "security": [{ "private_key": [] }],
        "parameters": parameters,
        "responses": responses(answers, refusals),
    });
    if let Some(body) = body {
        described = with(described, "requestBody", request_body(body));
    }
    described
}

/// The scopes that a key must have.
fn scopes(scopes: &[KeyScope]) -> String {
    let names: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    match names.as_slice() {
        [one] => format!("Scope: {one}"),
        all => format!("Scopes: {}", all.join(" and ")),
    }
}

/// The tag of an endpoint, which the last of its scopes decides.
fn tag_of(scopes: &[KeyScope]) -> &'static str {
    match scopes.last() {
        Some(KeyScope::DataPrivacyWrite) => "privacy",
        Some(KeyScope::PushTokensRead | KeyScope::PushTokensWrite) => "push-tokens",
        Some(KeyScope::ProfilesRead | KeyScope::ProfilesWrite) | None => "profiles",
    }
}
