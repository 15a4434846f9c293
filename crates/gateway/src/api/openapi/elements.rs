//! Elements of the `OpenAPI` document that several operations have in common.

use serde_json::{Map, Value, json};

/// One answer to a request that succeeds.
pub(super) struct SuccessResponse {
    pub(super) status: u16,
    pub(super) description: &'static str,
    /// The schema of the body, unless there is none.
    pub(super) schema: Option<Value>,
}

/// The statuses that every endpoint may return: 404 for a revision that does not exist.
pub(super) const REFUSALS: [&str; 5] = ["400", "403", "404", "429", "503"];
/// The statuses of endpoints with a body.
pub(super) const BODY_REFUSALS: [&str; 3] = ["408", "413", "415"];

pub(super) fn responses(
    answers: Vec<SuccessResponse>,
    refusals: impl IntoIterator<Item = &'static str>,
) -> Map<String, Value> {
    let mut responses = Map::new();
    for SuccessResponse { status, description, schema } in answers {
        let mut answer = json!({ "description": description });
        if let Some(schema) = schema {
            answer = with(answer, "content", contents(&schema));
        }
        responses.insert(status.to_string(), answer);
    }
    for status in REFUSALS.into_iter().chain(refusals) {
        responses.insert(status.to_owned(), json!({ "$ref": "#/components/responses/Refused" }));
    }
    responses
}

/// The object with one more member.
pub(super) fn with(mut object: Value, name: &str, member: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
    object
}

/// A body in either of the two media types.
pub(super) fn contents(schema: &Value) -> Value {
    json!({
        "application/vnd.api+json": { "schema": schema },
        "application/json": { "schema": schema },
    })
}

pub(super) fn request_body(schema: &'static str) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    json!({ "required": true, "content": contents(&schema) })
}

pub(super) fn revision_parameter() -> Value {
    json!({
        "name": "revision",
        "in": "header",
        "required": true,
        "description": "The revision of the protocol, a date.",
        "schema": { "type": "string", "format": "date", "examples": ["2026-07-15"] },
    })
}

pub(super) fn id_parameter() -> Value {
    json!({
        "name": "id",
        "in": "path",
        "required": true,
        "description": "An id that this gateway gave out.",
        "schema": { "type": "string" },
    })
}
