//! The account of a private key: its company. Programs ask for it to see whether a key is valid.

use actix_web::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    documents::{ApiResponse, Collection, PageLinks, Resource, SelfLink, Single},
    query::Query,
};
use crate::http::refusal::Refusal;

/// `GET /api/accounts`
pub(super) fn list(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let links = PageLinks { this: call.own_link(), next: None, prev: None };
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &Collection { data: vec![account(call)], links }))
}

/// `GET /api/accounts/{id}`
pub(super) fn get(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let data = account(call);
    if call.target.id != data.id {
        return Err(Refusal::NotFound { what: "account", pointer: "/data" });
    }
    let links = SelfLink { this: call.own_link() };
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &Single { data, links }))
}

fn account(call: &Call<'_>) -> Resource<AccountAttributes> {
    let id = call.company.id.to_string();
    let attributes = AccountAttributes {
        test_account: false,
        contact_information: ContactInformation {
            default_sender_name: "",
            default_sender_email: "",
            organization_name: id.clone(),
            website_url: "",
            street_address: StreetAddress::default(),
        },
        industry: "",
        timezone: "UTC",
        preferred_currency: "USD",
        public_api_key: id.clone(),
        locale: "en-US",
    };
    let links = SelfLink { this: call.link(&format!("/api/accounts/{id}")) };
    Resource { kind: "account", id, attributes, links }
}

/// What the original shows of an account. The gateway knows the id of the company, and shows
/// neutral values of the same types for the rest.
#[derive(JsonSchema, Serialize)]
pub(super) struct AccountAttributes {
    test_account: bool,
    contact_information: ContactInformation,
    industry: &'static str,
    timezone: &'static str,
    preferred_currency: &'static str,
    /// The id of the company, which is also that of the account.
    public_api_key: String,
    locale: &'static str,
}

#[derive(JsonSchema, Serialize)]
struct ContactInformation {
    default_sender_name: &'static str,
    default_sender_email: &'static str,
    organization_name: String,
    website_url: &'static str,
    street_address: StreetAddress,
}

#[derive(Default, JsonSchema, Serialize)]
struct StreetAddress {
    address1: &'static str,
    address2: &'static str,
    city: &'static str,
    region: &'static str,
    country: &'static str,
    zip: &'static str,
}
