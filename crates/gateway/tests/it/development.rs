//! Development mode: a faithful server on the machine of a developer, which shows what arrives.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use serde_json::{Value, json};

use crate::{
    serving::{Finished, Home, Serving, finish},
    wire::{RawRequest, RawResponse},
};

/// `gateway dev` on free ports.
fn dev(home: &Home, arguments: &[&str]) -> Command {
    let mut command = home.command(&["dev", "--admin-listen", "127.0.0.1:0"]);
    command.args(arguments).arg("--data-dir").arg(home.data_dir());
    if !arguments.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command
}

fn profile(attributes: &Value) -> RawRequest {
    let body = json!({ "data": { "type": "profile", "attributes": attributes } });
    RawRequest::profile(body.to_string()).of("DEMO01")
}

/// The private key that a gateway shows.
fn private_key(gateway: &Serving) -> String {
    gateway.logged("pk_")
}

/// The number of profiles that a private key lists.
fn profiles(gateway: &Serving, key: &str) -> usize {
    let list = RawRequest::new("GET", "/api/profiles")
        .with("Authorization", &format!("Klaviyo-API-Key {key}"))
        .with("revision", "2026-07-15");
    gateway.send(&list).json()["data"].as_array().unwrap().len()
}

/// The lines about requests.
fn lines(finished: &Finished) -> Vec<&str> {
    let is_status =
        |line: &&str| line.split(' ').next().is_some_and(|word| word.parse::<u16>().is_ok());
    finished.output.lines().filter(is_status).collect()
}

#[test]
fn each_request_is_one_line_with_its_company_its_result_its_pointers_and_the_profile() {
    let home = Home::new();
    let gateway = Serving::start(dev(&home, &[]));
    let key = private_key(&gateway);
    gateway.send(&profile(&json!({ "email": "sarah@example.com" }))).assert_accepted();
    gateway.send(&profile(&json!({ "anonymous_id": "d4cbb1d9" }))).assert_accepted();
    let both = json!({ "email": "sarah@example.com", "anonymous_id": "d4cbb1d9" });
    gateway.send(&profile(&both)).assert_accepted();
    let placeholder = json!({ "email": "sarah@example.com", "external_id": "undefined" });
    gateway.send(&profile(&placeholder)).assert_accepted();
    let invalid = json!({ "email": "blobemail", "phone_number": "555" });
    assert_eq!(gateway.send(&profile(&invalid)).status, 400);
    assert_eq!(gateway.send(&profile(&both).of("ABC123")).status, 400);
    assert_eq!(gateway.send(&RawRequest::new("GET", "/nowhere/sarah@example.com")).status, 404);
    assert_eq!(profiles(&gateway, &key), 1);
    let finished = gateway.stop();
    finished.assert_exit(0);
    let lines = lines(&finished);
    let id = |line: &str| line.split(' ').nth(5).unwrap().to_owned();
    let (sarah, device) = (id(lines[0]), id(lines[1]));
    assert_eq!(sarah.len(), 26, "{lines:?}");
    assert_eq!(
        lines,
        [
            format!("202 POST /client/profiles DEMO01 created {sarah}"),
            format!("202 POST /client/profiles DEMO01 created {device}"),
            format!("202 POST /client/profiles DEMO01 updated {sarah} from {device}"),
            format!(
                "202 POST /client/profiles DEMO01 unchanged {sarah}; external_id refused: \
                 placeholder"
            ),
            "400 POST /client/profiles DEMO01 invalid /data/attributes/email \
             /data/attributes/phone_number"
                .to_owned(),
            "400 POST /client/profiles - invalid /data".to_owned(),
            "404 GET /*/* - not_found /data".to_owned(),
            "200 GET /api/profiles DEMO01".to_owned(),
        ]
    );
    // The log does not say it again.
    assert!(!finished.output.contains("refused a request"), "{}", finished.output);
}

/// A document with a resource.
fn resource(kind: &str, attributes: &Value) -> Value {
    json!({ "data": { "type": kind, "attributes": attributes } })
}

/// Development mode, asked with its private key.
struct AskedDevelopment {
    gateway: Serving,
    key: String,
    // Removed with its directory when the test is done with it.
    _home: Home,
}

impl AskedDevelopment {
    fn start() -> AskedDevelopment {
        let home = Home::new();
        let gateway = Serving::start(dev(&home, &[]));
        let key = private_key(&gateway);
        AskedDevelopment { gateway, key, _home: home }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> RawResponse {
        let request = RawRequest::new(method, path)
            .with("Authorization", &format!("Klaviyo-API-Key {}", self.key))
            .with("Content-Type", "application/vnd.api+json")
            .with("revision", "2026-07-15");
        let body = body.map(Value::to_string);
        let answer = self.gateway.send(&match body {
            None => request,
            Some(body) => request.body(body),
        });
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        answer
    }

    fn post(&self, path: &str, body: &Value, status: u16) -> RawResponse {
        self.send("POST", path, Some(body), status)
    }

    /// Creates a profile, and returns its id.
    fn create(&self, attributes: &Value) -> String {
        let created = self.post("/api/profiles", &resource("profile", attributes), 201);
        created.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// What the lines say after the company.
    fn results(self) -> Vec<String> {
        let finished = self.gateway.stop();
        finished.assert_exit(0);
        let result = |line: &str| line.splitn(5, ' ').skip(4).collect();
        lines(&finished).into_iter().map(result).collect()
    }
}

#[test]
fn the_line_about_a_merge_its_undo_tokens_and_a_repair_names_the_result_and_the_profiles() {
    let gateway = AskedDevelopment::start();
    let sarah = gateway.create(&json!({ "email": "sarah@example.com" }));
    let other = gateway.create(&json!({ "external_id": "63f64a2b" }));
    let merge = json!({ "data": { "type": "profile-merge", "id": sarah, "relationships":
        { "profiles": { "data": [{ "type": "profile", "id": other }] } } } });
    gateway.post("/api/profile-merge", &merge, 201);
    let undo = resource("profile-unmerge", &json!({ "profile_id": other }));
    gateway.post("/api/profile-unmerge", &undo, 200);
    let owner = resource("profile", &json!({ "email": "sarah@example.com" }));
    let token = json!({ "token": "c0mEVJqkR5", "platform": "android", "vendor": "fcm",
        "profile": owner });
    gateway.post("/api/push-tokens", &resource("push-token", &token), 202);
    gateway.send("DELETE", "/api/push-tokens/c0mEVJqkR5", None, 204);
    for scope in [json!({ "scope": "profile", "profile_id": sarah }), json!({ "scope": "company" })]
    {
        let revoke = resource("exchange-token-revocation", &scope);
        gateway.post("/api/exchange-token-revocation", &revoke, 200);
    }
    let repair = json!({ "mode": "apply", "since": "2020-01-01T00:00:00Z", "client_address":
        "127.0.0.1" });
    gateway.post("/api/profile-repair", &resource("profile-repair", &repair), 200);
    assert_eq!(
        gateway.results(),
        [
            format!("created {sarah}"),
            format!("created {other}"),
            format!("updated {sarah} from {other}"),
            format!("unmerged {sarah} and {other}"),
            format!("updated {sarah}"),
            format!("updated {sarah}"),
            format!("tokens_revoked {sarah}"),
            "tokens_revoked".to_owned(),
            "apply: 0 requests of the sender, 0 merges undone".to_owned(),
        ]
    );
}

#[test]
fn the_line_about_an_erasure_and_an_import_names_the_result_and_how_many_rows_have_it() {
    let gateway = AskedDevelopment::start();
    let sarah = gateway.create(&json!({ "email": "sarah@example.com" }));
    let subject = resource("profile", &json!({ "email": "sarah@example.com" }));
    let erase = resource("data-privacy-deletion-job", &json!({ "profile": subject }));
    for _ in 0..2 {
        gateway.post("/api/data-privacy-deletion-jobs", &erase, 202);
    }
    let emails = ["ann@example.com", "bob@example.com", "blobemail"];
    let rows = emails.map(|email| resource("profile", &json!({ "email": email }))["data"].take());
    let import = json!({ "profiles": { "data": rows } });
    let import = resource("profile-bulk-import-job", &import);
    let job = gateway.post("/api/profile-bulk-import-jobs", &import, 202).json();
    let job = job["data"]["id"].as_str().unwrap();
    assert_eq!(
        gateway.results(),
        [
            format!("created {sarah}"),
            format!("deleted {sarah}"),
            "nothing_deleted; email ignored: no profile".to_owned(),
            format!("imported {job}: 2 completed, 1 failed"),
        ]
    );
}

#[test]
fn keys_and_data_survive_a_restart_until_they_are_reset() {
    let home = Home::new();
    let gateway = Serving::start(dev(&home, &[]));
    let key = private_key(&gateway);
    let page = profile(&json!({ "anonymous_id": "d4cbb1d9" })).with("X-Klaviyo-Onsite", "1");
    let token = gateway.send(&page).json()["meta"]["exchange_id"].clone();
    gateway.stop().assert_exit(0);
    let mode = fs::metadata(home.data_dir().join("development.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let gateway = Serving::start(dev(&home, &[]));
    assert_eq!(private_key(&gateway), key);
    assert_eq!(profiles(&gateway, &key), 1);
    // The key that sealed the token was kept as well.
    gateway.send(&profile(&json!({ "_kx": token }))).assert_accepted();
    let line = gateway.logged("202 POST");
    assert!(line.contains(" unchanged ") && !line.contains("ignored"), "{line}");
    // Nothing is deleted while a gateway serves.
    let refused = finish(&mut dev(&home, &["--reset"]));
    refused.assert_exit(1);
    refused.assert_output("another process is using this data directory");
    assert_eq!(profiles(&gateway, &key), 1);
    gateway.stop().assert_exit(0);

    let gateway = Serving::start(dev(&home, &["--reset"]));
    assert_eq!(private_key(&gateway), key);
    assert_eq!(profiles(&gateway, &key), 0);
    gateway.stop().assert_exit(0);
    home.verify().assert_output("profiles: 0,");
}

#[test]
fn only_data_of_development_mode_are_reset() {
    let home = Home::new();
    let gateway = home.serve();
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    let refused = finish(&mut dev(&home, &["--reset"]));
    refused.assert_exit(1);
    refused.assert_output("is not of development mode; nothing was deleted");
    home.verify().assert_output("profiles: 1,");
}

#[test]
fn a_key_file_that_is_not_one_is_reported() {
    let home = Home::new();
    fs::create_dir(home.data_dir()).unwrap();
    fs::write(home.data_dir().join("development.key"), "pk_1\n").unwrap();
    let refused = finish(&mut dev(&home, &[]));
    refused.assert_exit(1);
    refused.assert_output("does not have the keys of development mode; remove it");
}

#[test]
fn other_machines_reach_it_only_if_that_is_said() {
    let home = Home::new();
    let refused = finish(&mut dev(&home, &["--listen", "0.0.0.0:0"]));
    refused.assert_exit(1);
    refused.assert_output("`gateway dev --expose`");
    let gateway = Serving::start(dev(&home, &["--listen", "0.0.0.0:0", "--expose"]));
    let port = gateway.clients.port();
    gateway.logged(&format!("curl -i 'http://localhost:{port}/client/profiles?company_id=DEMO01'"));
    gateway.stop().assert_exit(0);
}
