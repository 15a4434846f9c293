//! Development mode: a faithful server on the machine of a developer, which shows what arrives.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use serde_json::json;

use crate::{
    serving::{Finished, Home, Serving, finish},
    wire::RawRequest,
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

fn profile(attributes: &serde_json::Value) -> RawRequest {
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
