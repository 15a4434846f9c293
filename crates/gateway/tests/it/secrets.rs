//! Secrets: keys and what they seal are neither in a log nor in a core file.

use std::{fs, os::unix::process::ExitStatusExt};

use gateway::tenants::private_key::PrivateKey;
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
fn no_key_and_no_token_is_in_the_log_however_much_is_logged() {
    let (key, exchange_key) = (PrivateKey::generate().unwrap(), "c0ffee11".repeat(8));
    let digest = key.digest().to_hexadecimal();
    let home = Home::configured(&format!(
        "exchange_keys = [\"{exchange_key}\"]\n[[company]]\nid = \"ABC123\"\n\
         [[company.key]]\nname = \"shop\"\nsha256 = \"{digest}\"\n\
         scopes = [\"profiles:read\", \"profiles:write\"]\n",
    ));
    let mut command = home.serve_command();
    command.args(["--log", "trace"]);
    let gateway = crate::serving::Serving::start(command);
    let authorization = format!("Klaviyo-API-Key {}", key.reveal());
    let request = RawRequest::email("sarah@example.com").with("Authorization", &authorization);
    gateway.send(&request).assert_accepted();
    let token = format!("{}.ABC123", "TokenOfSomebody".repeat(4));
    let body = format!(
        r#"{{"data":{{"type":"profile","attributes":{{"email":"a@b.co","_kx":"{token}"}}}}}}"#
    );
    gateway.send(&RawRequest::profile(body).with("Authorization", &authorization));
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    let output = gateway.stop().output;
    // Half of a hexadecimal key would disclose as much.
    let half = |text: &str| text[..text.len() / 2].to_owned();
    for secret in [key.reveal(), &half(&digest), &half(&exchange_key), "TokenOfSomebody"] {
        assert!(!output.contains(secret), "{secret} is in the log");
    }
}
