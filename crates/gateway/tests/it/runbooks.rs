//! The runbooks in docs/OPERATIONS.md: each command of the page is run as it stands there, in their
//! order, against a gateway to which happened what the runbooks are about.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::{
    api::{KEY, key},
    serving::{Home, Serving},
    wire::RawRequest,
};

/// The commands below a heading.
#[derive(Debug)]
struct Runbook {
    heading: String,
    commands: String,
}

/// The runbooks of the page. The first has the variables that the others use.
fn runbooks() -> Vec<Runbook> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATIONS.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("<!-- runbooks -->\n").unwrap();
    let (section, _) = section.split_once("<!-- /runbooks -->").unwrap();
    let mut runbooks = vec![Runbook { heading: String::new(), commands: String::new() }];
    let mut is_command = false;
    for line in section.lines() {
        let runbook = runbooks.last_mut().unwrap();
        match line {
            "```sh" => is_command = true,
            "```" => is_command = false,
            command if is_command => runbook.commands.extend([command, "\n"]),
            _ => {
                if let Some(heading) = line.strip_prefix("### ") {
                    let heading = heading.to_owned();
                    runbooks.push(Runbook { heading, commands: String::new() });
                }
            }
        }
    }
    runbooks
}

fn profile(attributes: &serde_json::Value) -> RawRequest {
    let body = json!({ "data": { "type": "profile", "attributes": attributes } });
    RawRequest::profile(body.to_string())
}

fn home() -> Home {
    let all = r#""profiles:read", "profiles:write", "data-privacy:write", "push-tokens:read",
        "push-tokens:write""#;
    Home::configured(&format!(
        "access_log = true\nrefusal_lines = 3\n[[company]]\nid = \"ABC123\"\nlimits = \"none\"\n\
         api_limits = \"none\"\n{}[[company]]\nid = \"FLOOD1\"\n\
         network_limits = {{ burst = 5, steady = 5 }}\n",
        key("all", KEY, all)
    ))
}

/// Sends what the runbooks find.
fn send_history(gateway: &Serving) {
    let sarah = json!({ "email": "sarah@example.com", "first_name": "Sarah" });
    gateway.send(&profile(&sarah).with("X-Request-Id", "checkout-42")).assert_accepted();
    gateway.send(&profile(&json!({ "anonymous_id": "d4cbb1d9" }))).assert_accepted();
    let both = json!({ "email": "sarah@example.com", "anonymous_id": "d4cbb1d9" });
    gateway.send(&profile(&both)).assert_accepted();
    let wrong = profile(&json!({ "email": "blobemail" }));
    let wrong = wrong.with("User-Agent", "klaviyo-swift/4.0.0").with("X-Request-Id", "checkout-43");
    assert_eq!(gateway.send(&wrong).status, 400);
    for _ in 0..10 {
        let refused = gateway.send(&RawRequest::profile("{").of("FLOOD1"));
        assert!([400, 429].contains(&refused.status));
    }
    // The number of lines left out is logged at the end of the second.
    gateway.logged("lines about refused requests were left out");
}

/// A directory of programs that the commands find before those of the system.
fn programs(home: &Home, gateway: &Serving) -> String {
    let directory = home.directory().join("programs");
    fs::create_dir(&directory).unwrap();
    let log = home.directory().join("log");
    fs::write(&log, gateway.written()).unwrap();
    symlink(env!("CARGO_BIN_EXE_gateway"), directory.join("gateway")).unwrap();
    for (name, command) in [
        ("journalctl", format!("cat '{}'", log.display())),
        (
            "systemctl",
            format!("test \"$*\" = 'reload profile-gateway' && kill -s HUP {}", gateway.id()),
        ),
    ] {
        let file = directory.join(name);
        fs::write(&file, format!("#!/bin/sh\n{command}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory.display().to_string()
}

/// Runs all commands in one shell, and returns what each runbook wrote.
fn run(home: &Home, gateway: &Serving) -> BTreeMap<String, String> {
    let mut script = format!("set -eu\nPATH='{}':$PATH\n", programs(home, gateway));
    for Runbook { heading, commands } in runbooks() {
        let commands = commands
            .replace("http://127.0.0.1:8080", &format!("http://{}", gateway.clients))
            .replace("http://127.0.0.1:9090", &format!("http://{}", gateway.admin))
            .replace("pk_…", KEY);
        script.extend(["echo '=== ", &heading, "'\n", &commands]);
    }
    let mut shell = Command::new("sh");
    shell.arg("-s").current_dir(home.directory());
    shell.env("NO_PROXY", "*").env("no_proxy", "*");
    let piped = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = piped.spawn().unwrap();
    process.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let (written, errors) =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).into();
    assert!(output.status.success(), "{written}\n{errors}");
    let parts = written.split("=== ").skip(1);
    parts
        .filter_map(|part| part.split_once('\n'))
        .map(|(heading, text)| (heading.to_owned(), text.to_owned()))
        .collect()
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        // Unlike `eprintln`, this is shown for tests that pass.
        writeln!(io::stderr(), "\nNOT CHECKED: the runbooks: there is no {program}").unwrap();
    }
    found
}

#[test]
fn every_command_of_the_runbooks_answers_its_question() {
    if !is_installed("jq") || !is_installed("curl") {
        return;
    }
    let home = home();
    let gateway = home.serve();
    send_history(&gateway);
    let written = run(&home, &gateway);
    let expected: [(&str, &[&str]); 11] = [
        (
            "Which requests of a company were refused, and why?",
            &[
                "1 invalid\t/data/attributes/email",
                " FLOOD1",
                "endpoint=\"POST /client/profiles\",code=\"accepted\"} 3",
            ],
        ),
        ("What happened to one request?", &["\"effect\": \"created\"", "checkout-42"]),
        (
            "What is stored about one person?",
            &["\"Sarah\"", "client\tcreated\tcheckout-42\tfirst_name"],
        ),
        ("Two people were merged wrongly", &["anonymous_id\t", "\"restored_id\""]),
        ("Prove an erasure", &["404\n0\n", "\"outcome\": \""]),
        (
            "What did this SDK send?",
            &["klaviyo-swift/4.0.0\t2026-07-15\t/client/profiles\tinvalid", "\"placeholder\""],
        ),
        (
            "Who abuses the public endpoint now?",
            &["code=\"network_throttled\"} 5", "127.0.0.1\tFLOOD1"],
        ),
        ("How many profiles has a company?", &["1 profiles"]),
        ("The disk is filling", &["gateway_disk_free_bytes ", "gateway_store_bytes ", "ready"]),
        (
            "The gateway is slow",
            &["ready", "gateway_disk_wait_seconds 0", "POST /client/profiles", "is valid"],
        ),
        ("", &[]),
    ];
    let headings: Vec<&str> = expected.iter().map(|(heading, _)| *heading).collect();
    for (heading, text) in &written {
        assert!(headings.contains(&heading.as_str()), "nothing is expected of {heading}: {text}");
    }
    for (heading, texts) in expected {
        let text = &written[heading];
        for expected in texts {
            assert!(text.contains(expected), "{heading}: {expected:?} is not in:\n{text}");
        }
    }
    gateway.logged("reloaded the configuration");
}
