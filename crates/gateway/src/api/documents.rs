//! The JSON:API documents that the server API returns.

use actix_web::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// A response before it is sent.
#[derive(Debug)]
pub(crate) struct ApiResponse {
    pub(crate) status: StatusCode,
    /// The URL of what the request made, if the response does not show that.
    pub(crate) location: Option<String>,
    pub(crate) body: Option<Vec<u8>>,
}

impl ApiResponse {
    /// A response with a document.
    pub(super) fn with_document(status: StatusCode, document: &impl Serialize) -> ApiResponse {
        ApiResponse {
            status,
            location: None,
            body: Some(serde_json::to_vec(document).expect("the keys of a document are strings")),
        }
    }

    /// A response with a document, and with related resources if they were requested.
    pub(super) fn with_related(
        status: StatusCode,
        document: impl Serialize,
        related: Option<Vec<impl Serialize>>,
    ) -> ApiResponse {
        match related {
            None => ApiResponse::with_document(status, &document),
            Some(included) => {
                ApiResponse::with_document(status, &WithIncluded { document, included })
            }
        }
    }

    /// A response without a body.
    pub(super) fn empty(status: StatusCode) -> ApiResponse {
        ApiResponse { status, location: None, body: None }
    }

    /// A response without a body, to a request that made what is at this URL.
    pub(super) fn at(status: StatusCode, location: String) -> ApiResponse {
        ApiResponse { status, location: Some(location), body: None }
    }
}

/// A document with one resource.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Single_{T}")]
pub(super) struct Single<T> {
    pub(super) data: T,
    pub(super) links: SelfLink,
}

/// A page of a list.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Page_of_{T}")]
pub(super) struct Collection<T> {
    pub(super) data: Vec<T>,
    pub(super) links: PageLinks,
}

/// The link to a resource.
#[derive(JsonSchema, Serialize)]
pub(super) struct SelfLink {
    #[serde(rename = "self")]
    pub(super) this: String,
}

/// The links of a page. There is no link to the previous page.
#[derive(JsonSchema, Serialize)]
pub(super) struct PageLinks {
    #[serde(rename = "self")]
    pub(super) this: String,
    pub(super) next: Option<String>,
    pub(super) prev: Option<String>,
}

/// A resource with its attributes.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Resource_with_{A}")]
pub(super) struct Resource<A> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) attributes: A,
    pub(super) links: SelfLink,
}

/// A resource identifier.
#[derive(JsonSchema, Serialize)]
pub(super) struct ResourceIdentifier {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) id: String,
}

/// A relationship to one resource, or to none.
#[derive(JsonSchema, Serialize)]
pub(super) struct Relationship {
    pub(super) data: Option<ResourceIdentifier>,
}

/// A document with the related resources that the request asked for.
#[derive(Serialize)]
struct WithIncluded<D, R> {
    #[serde(flatten)]
    document: D,
    included: Vec<R>,
}
