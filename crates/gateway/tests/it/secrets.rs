//! Secrets: keys, tokens and personal values are neither in a log nor in a core file.

use std::{fs, os::unix::process::ExitStatusExt};

use gateway::tenants::private_key::PrivateKey;
use profile_protocol::{ProfileRequest, Revision};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{serving::Home, wire::RawRequest};

/// Lets child processes write core files, if the system allows it.
fn allow_core_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: maximum, maximum }).unwrap();
}

#[test]
fn a_gateway_that_crashes_leaves_no_core_file() {
    allow_core_files();
    let home = Home::new();
    let gateway = home.serve();
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let bounds: Vec<&str> = line.split_whitespace().skip(4).take(2).collect();
    assert_eq!(bounds, ["0", "0"], "{line}");
    gateway.signal("ABRT");
    let status = gateway.wait().status;
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
}

#[test]
fn no_key_token_or_personal_value_is_in_the_log_however_much_is_logged() {
    let (key, exchange_key) = (PrivateKey::generate().unwrap(), "c0ffee11".repeat(8));
    let digest = key.digest().to_hexadecimal();
    let home = Home::configured(&format!(
        "exchange_keys = [\"{exchange_key}\"]\n[[company]]\nid = \"ABC123\"\n\
         [[company.key]]\nname = \"shop\"\nsha256 = \"{digest}\"\n\
         scopes = [\"profiles:read\", \"profiles:write\"]\n",
    ));
    let mut command = home.serve_command();
    command.args(["--log", "trace", "--access-log"]);
    let gateway = crate::serving::Serving::start(command);
    let authorization = format!("Klaviyo-API-Key {}", key.reveal());
    let request = RawRequest::email("sarah@example.com").with("Authorization", &authorization);
    gateway.send(&request).assert_accepted();
    let token = format!("{}.ABC123", "SealedTokenText".repeat(4));
    let body = format!(
        r#"{{"data":{{"type":"profile","attributes":{{"email":"a@b.co","_kx":"{token}"}}}}}}"#
    );
    gateway.send(&RawRequest::profile(body).with("Authorization", &authorization));
    // Refused requests, each of which is logged.
    let list = RawRequest::new("GET", "/api/profiles?page[cursor]=SealedTokenText");
    gateway.send(&list.clone().with("Authorization", &authorization));
    gateway.send(&list.with("X-Request-Id", key.reveal()).with("User-Agent", "sarah@b.co"));
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    let output = gateway.stop().output;
    // Half of a hexadecimal key would disclose as much.
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let personal = ["sarah", "a@b.co"];
    let secrets = [key.reveal(), &half(&digest), &half(&exchange_key), "SealedTokenText"];
    for secret in secrets.into_iter().chain(personal) {
        assert!(!output.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn no_personal_value_can_be_displayed_or_is_shown_by_debug() {
    let body = r#"{"data":{"type":"profile","attributes":{"email":"secret@example.com",
        "phone_number":"+15005550006","external_id":"secret-1","anonymous_id":"secret-2",
        "_kx":"secretsecretsecret.ABC123","first_name":"Secret","location":{"city":"Secretville"},
        "properties":{"secret name":"secret value"}},
        "meta":{"patch_properties":{"append":{"secret list":"secret entry"}}}}}"#;
    let request = ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap();
    let shown = format!("{request:?} {request:#?}").to_lowercase();
    assert!(!shown.contains("secret") && !shown.contains("5005550006"), "{shown}");
    let displayed = crate::tidy::displayed_types("crates/profile-protocol/src");
    for personal in ["Email", "PhoneNumber", "ExternalId", "AnonymousId", "ExchangeToken", "Text"] {
        assert!(!displayed.contains(&personal.to_owned()), "{personal} has a Display");
    }
}
