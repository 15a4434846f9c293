//! The server side, over real sockets: what a company's own programs ask and are
//! answered.

mod auth;
mod changes;
mod document;
mod erasure;
mod first_questions;
mod imports;
mod lists;
mod merging;
mod outcomes;
mod protect;
mod push_tokens;
mod raw_targets;
mod reading;
mod refusals;
mod repair;
mod signed;
mod tokens;

use gateway::tenants::private_key::KeyDigest;
use serde_json::{Value, json};

use crate::{
    serving::{Home, Serving},
    wire::{RawRequest, RawResponse},
};

/// A key that allows everything, one that only reads, and one of another company.
pub(crate) const KEY: &str = "pk_everything";
const READER: &str = "pk_reader";
const STRANGER: &str = "pk_stranger";

pub(crate) fn key(name: &str, text: &str, scopes: &str) -> String {
    let digest = KeyDigest::from_key(text).to_hexadecimal();
    format!("[[company.key]]\nname = \"{name}\"\nsha256 = \"{digest}\"\nscopes = [{scopes}]\n")
}

/// A gateway with two companies that have keys. The first may ask a hundred times as
/// much as the original allows, since tests are in a hurry.
struct Api {
    gateway: Serving,
    // Removed with its directory when the tests are done with it.
    home: Home,
}

impl Api {
    fn new() -> Api {
        Api::set("")
    }

    /// The same, with these settings of the first company.
    fn set(settings: &str) -> Api {
        Api::with("", settings)
    }

    /// The same, with these settings of the gateway.
    fn set_above(settings: &str) -> Api {
        Api::with(settings, "")
    }

    fn with(above: &str, settings: &str) -> Api {
        let all = r#""profiles:read", "profiles:write", "data-privacy:write", "push-tokens:read", "push-tokens:write""#;
        let home = Home::configured(&format!(
            "{above}\n[[company]]\nid = \"ABC123\"\napi_limits_factor = 100\n\
             network_limits = {{ burst = 350, steady = 3500 }}\n{settings}\n{}{}\n[[company]]\nid = \"XYZ789\"\n{}",
            key("all", KEY, all),
            key("reader", READER, r#""profiles:read""#),
            key("stranger", STRANGER, all),
        ));
        let gateway = home.serve();
        Api { gateway, home }
    }

    fn send(&self, request: &RawRequest) -> RawResponse {
        self.gateway.send(request)
    }

    fn get(&self, target: &str) -> RawResponse {
        self.send(&asking("GET", target))
    }

    fn post(&self, target: &str, body: &Value) -> RawResponse {
        self.send(&asking("POST", target).body(body.to_string()))
    }

    fn patch(&self, target: &str, body: &Value) -> RawResponse {
        self.send(&asking("PATCH", target).body(body.to_string()))
    }

    /// Creates a profile with these attributes and returns its id.
    #[track_caller]
    fn create(&self, attributes: &Value) -> String {
        let answer = self.post("/api/profiles", &profile(attributes));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// The attributes of the profile with this id.
    #[track_caller]
    fn attributes(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/profiles/{id}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["data"]["attributes"].clone()
    }

    /// Sends what a browser would.
    #[track_caller]
    fn client(&self, attributes: &Value) {
        self.send(&RawRequest::profile(profile(attributes).to_string())).assert_accepted();
    }
}

/// A request of the company's own program.
pub(crate) fn asking(method: &str, target: &str) -> RawRequest {
    asking_with(KEY, method, target)
}

/// The same with this private key.
pub(crate) fn asking_with(key: &str, method: &str, target: &str) -> RawRequest {
    RawRequest::new(method, target)
        .with("Authorization", &format!("Klaviyo-API-Key {key}"))
        .with("revision", "2026-07-15")
        .with("Content-Type", "application/vnd.api+json")
}

/// A profile document with these attributes.
fn profile(attributes: &Value) -> Value {
    json!({ "data": { "type": "profile", "attributes": attributes } })
}

/// The one error of an answer: its status, code and pointer.
#[track_caller]
fn refused(answer: &RawResponse) -> (u16, String, String) {
    let document = answer.json();
    let [error] = &document["errors"].as_array().unwrap()[..] else { panic!("{document}") };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (answer.status, text(&error["code"]), text(&error["source"]["pointer"]))
}

/// The ids of the things on a page.
fn ids(answer: &RawResponse) -> Vec<String> {
    let document = answer.json();
    let data = document["data"].as_array().unwrap_or_else(|| panic!("{document}"));
    data.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}
