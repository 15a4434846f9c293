//! Calls of the server API by pages, with the rights of the visitor's key.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::HeaderMap},
};
use maud::Markup;
use profile_store::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    form::FormFields,
    layout::{self, ConsoleSection},
    page,
    visit::Visit,
};
use crate::{
    api::{ApiResponse, InnerCall, call_within},
    endpoints::Endpoint,
    http::refusal::Refusal,
    tenants::directory::Principal,
};

/// A company as a visitor may see it.
pub(super) struct CompanyVisit<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) principal: &'a Principal,
}

impl CompanyVisit<'_> {
    /// The fields of the query. Too many of them are none.
    pub(super) fn asked(&self) -> FormFields {
        FormFields::parse(self.visit.request.query_string().as_bytes()).unwrap_or_default()
    }

    /// A page of the company.
    pub(super) fn page(
        &self,
        status: StatusCode,
        section: ConsoleSection,
        title: &str,
        content: &Markup,
    ) -> HttpResponse {
        let place = Some((&self.principal.company.id, section));
        page::html(status, layout::framed(self.visit, place, title, content))
    }

    /// Reads the resource with this id, or a list.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        id: &str,
        query: &str,
    ) -> Result<T, Refusal> {
        let response = self.call(endpoint, id, query, HeaderMap::new(), Vec::new()).await?;
        decoded(&response)
    }

    /// Sends a document, and returns what the API answers.
    pub(super) async fn send(
        &self,
        endpoint: Endpoint,
        id: &str,
        body: &impl Serialize,
    ) -> Result<ApiResponse, Refusal> {
        let body = serde_json::to_vec(body).or(Err(Refusal::Store(StoreError::Unavailable)))?;
        self.call(endpoint, id, "", HeaderMap::new(), body).await
    }

    /// Carries out a call.
    pub(super) async fn call(
        &self,
        endpoint: Endpoint,
        id: &str,
        query: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<ApiResponse, Refusal> {
        let Visit { request, gateway, request_ids, .. } = self.visit;
        let principal = self.principal;
        let inner =
            InnerCall { request, principal, endpoint, id, query, headers, body, request_ids };
        Box::pin(call_within(inner, gateway)).await
    }
}

/// The document of a response.
pub(super) fn decoded<T: DeserializeOwned>(response: &ApiResponse) -> Result<T, Refusal> {
    let body = response.body.as_deref().unwrap_or(b"null");
    serde_json::from_slice(body).map_err(|error| {
        // Both sides are of this program.
        tracing::error!(line = error.line(), "a page cannot read a document of the API");
        Refusal::Store(StoreError::Unavailable)
    })
}

/// A page of a list of the API.
#[derive(serde::Deserialize)]
pub(super) struct ListPage<T> {
    pub(super) data: Vec<T>,
    links: NextLink,
}

#[derive(serde::Deserialize)]
struct NextLink {
    next: Option<String>,
}

impl<T> ListPage<T> {
    /// The cursor of the next page, if there is one.
    pub(super) fn next_cursor(&self) -> Option<String> {
        let (_, query) = self.links.next.as_ref()?.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "page[cursor]").map(|(_, cursor)| cursor.into_owned())
    }
}

/// A document with one resource.
#[derive(serde::Deserialize)]
pub(super) struct OneResource<T> {
    pub(super) data: T,
}

/// A profile with the attributes that were asked for.
#[derive(serde::Deserialize)]
pub(super) struct PersonDocument {
    pub(super) id: String,
    pub(super) attributes: RawMembers,
}

/// The members of an object by name, each as the API wrote it: a number keeps its digits.
pub(super) type RawMembers = BTreeMap<String, Box<RawValue>>;

impl PersonDocument {
    /// An attribute as text; empty if there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.attributes.get(name).and_then(|value| text_of(value)).unwrap_or_default()
    }

    /// A part of the attributes that was asked for.
    pub(super) fn part<T: Default + DeserializeOwned>(&self, name: &str) -> T {
        let value = self.attributes.get(name);
        value.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    }
}

/// The text that a value is, if it is one.
pub(super) fn text_of(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// A query string of these pairs, without those that have no value.
pub(super) fn query_of(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    query.finish()
}
