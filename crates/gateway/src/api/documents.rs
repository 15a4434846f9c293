//! Documents: the shapes of what the server side answers.

use actix_web::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// An answer, ready to be sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Option<Vec<u8>>,
}

impl Answer {
    /// An answer that says something.
    pub(super) fn of(status: StatusCode, document: &impl Serialize) -> Answer {
        // What is serialized here has no map with other keys than texts, which is
        // all that could fail.
        Answer { status, body: Some(serde_json::to_vec(document).unwrap_or_default()) }
    }

    /// An answer that says nothing but its status.
    pub(super) fn empty(status: StatusCode) -> Answer {
        Answer { status, body: None }
    }
}

/// A document about one thing.
#[derive(JsonSchema, Serialize)]
pub(super) struct Single<T> {
    pub(super) data: T,
    pub(super) links: SelfLink,
}

/// A page of a list.
#[derive(JsonSchema, Serialize)]
pub(super) struct Collection<T> {
    pub(super) data: Vec<T>,
    pub(super) links: PageLinks,
}

/// Where a thing is found.
#[derive(JsonSchema, Serialize)]
pub(super) struct SelfLink {
    #[serde(rename = "self")]
    pub(super) this: String,
}

/// Where a page and its neighbours are found. There is no way back.
#[derive(JsonSchema, Serialize)]
pub(super) struct PageLinks {
    #[serde(rename = "self")]
    pub(super) this: String,
    pub(super) next: Option<String>,
    pub(super) prev: Option<String>,
}

/// One thing of a kind, with what is known of it.
#[derive(JsonSchema, Serialize)]
pub(super) struct Resource<A> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) attributes: A,
    pub(super) links: SelfLink,
}

/// A thing that is named and not told of.
#[derive(JsonSchema, Serialize)]
pub(super) struct Named {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) id: String,
}

/// A relationship to one thing, or to none.
#[derive(JsonSchema, Serialize)]
pub(super) struct Relationship {
    pub(super) data: Option<Named>,
}
