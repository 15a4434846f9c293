//! The console, as a browser without scripts sees it: pages, forms and cookies over a socket.

mod chromium;
mod explain;
mod exports;
mod hostile_texts;
mod inspector;
mod live;
mod naughty;
mod overview;
mod people;
mod person;
mod person_details;
mod routes;
mod scopes;
mod sessions;

use serde_json::{Value, json};

use crate::{
    api::{KEY, asking, key},
    serving::{Home, Serving},
    wire::{self, RawRequest, RawResponse},
};

/// A key that only reads, one of another company, and one that may do all but erase.
pub(crate) const READER: &str = "pk_reader";
pub(crate) const STRANGER: &str = "pk_stranger";
pub(crate) const WRITER: &str = "pk_writer";

/// The configuration of the companies, with these settings of the first one.
pub(crate) fn companies(settings: &str) -> String {
    let all = r#""profiles:read", "profiles:write", "data-privacy:write", "push-tokens:read", "push-tokens:write""#;
    format!(
        "[[company]]\nid = \"ABC123\"\napi_limits_factor = 100\n\
         network_limits = {{ burst = 350, steady = 3500 }}\n{settings}\n{}{}{}\n[[company]]\n\
         id = \"XYZ789\"\napi_limits_factor = 100\n{}",
        key("all", KEY, all),
        key("reader", READER, r#""profiles:read""#),
        key("writer", WRITER, r#""profiles:read", "profiles:write""#),
        key("stranger", STRANGER, all),
    )
}

/// A gateway, and a browser that looks at its console.
pub(crate) struct Console {
    pub(crate) gateway: Serving,
    pub(crate) home: Home,
}

impl Console {
    pub(crate) fn new() -> Console {
        let home = Home::configured(&companies(""));
        Console { gateway: home.serve(), home }
    }

    /// A browser that has signed in with this key.
    pub(crate) fn signed_in(&self, key: &str) -> Browser<'_> {
        let mut browser = self.browser();
        browser.sign_in(key);
        browser
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { console: self, cookie: None }
    }

    /// Creates a person of the first company, and returns the id.
    pub(crate) fn create(&self, attributes: &Value) -> String {
        let body = json!({ "data": { "type": "profile", "attributes": attributes } });
        let answer = self.gateway.send(&asking("POST", "/api/profiles").body(body.to_string()));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// Registers the push token of an app, with this device, for a person.
    pub(crate) fn register(&self, token: &str, person: &Value, device: &Value) {
        let body = json!({ "data": { "type": "push-token", "attributes": {
            "token": token, "platform": "ios", "vendor": "APNs",
            "enablement_status": "PROVISIONAL", "device_metadata": device,
            "profile": { "data": { "type": "profile", "attributes": person } },
        } } });
        let answer = self.gateway.send(&asking("POST", "/api/push-tokens").body(body.to_string()));
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    /// Sends what a browser of a shop would.
    pub(crate) fn client(&self, attributes: &Value) {
        let body = json!({ "data": { "type": "profile", "attributes": attributes } });
        self.gateway.send(&RawRequest::profile(body.to_string())).assert_accepted();
    }
}

/// A browser with one cookie.
pub(crate) struct Browser<'c> {
    pub(crate) console: &'c Console,
    pub(crate) cookie: Option<String>,
}

impl Browser<'_> {
    pub(crate) fn send(&self, request: RawRequest) -> RawResponse {
        let request = match &self.cookie {
            Some(cookie) => request.with("Cookie", cookie),
            None => request,
        };
        wire::exchange(self.console.gateway.admin, &request)
    }

    pub(crate) fn get(&self, path: &str) -> RawResponse {
        self.send(RawRequest::new("GET", path))
    }

    /// The text of a page, which has to be there.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text().to_owned()
    }

    /// Sends a form as it is.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> RawResponse {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let request = RawRequest::new("POST", path)
            .with("Content-Type", "application/x-www-form-urlencoded")
            .body(body.finish());
        self.send(request)
    }

    /// Sends a form with the token of the session.
    pub(crate) fn submit(&self, path: &str, fields: &[(&str, &str)]) -> RawResponse {
        let token = self.form_token();
        let fields: Vec<_> =
            [("form_token", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post(path, &fields)
    }

    /// The token that the forms of this session have.
    pub(crate) fn form_token(&self) -> String {
        let page = self.get("/console/sign-in").text().to_owned();
        let (_, after) = page.split_once(r#"name="form_token" value=""#).unwrap();
        after.split('"').next().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn sign_in(&mut self, key: &str) {
        let answer = self.post("/console/sign-in", &[("key", key)]);
        assert_eq!(answer.status, 303, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap();
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    /// The page that a form leads to.
    #[track_caller]
    pub(crate) fn follow(&self, answer: &RawResponse) -> String {
        assert_eq!(answer.status, 303, "{}", answer.text());
        self.page(answer.header("location").unwrap())
    }
}
