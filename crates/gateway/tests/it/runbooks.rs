//! The runbooks in docs/OPERATIONS.md: each command of the page is run as it stands there, in their
//! order, against a gateway to which happened what the runbooks are about.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::json;

use crate::{
    api::{KEY, asking, key},
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

/// A home with an admin key, and that key.
fn home() -> (Home, String) {
    let home = Home::new();
    let made = home.command(&["key", "--admin"]).output().unwrap();
    let [admin_key, entry] =
        [made.stdout, made.stderr].map(|text| String::from_utf8(text).unwrap());
    let all = r#""profiles:read", "profiles:write", "data-privacy:write", "push-tokens:read",
        "push-tokens:write""#;
    home.configure(&format!(
        "{entry}access_log = true\nrefusal_lines = 3\n[[company]]\nid = \"ABC123\"\n\
         limits = \"none\"\nnetwork_limits = \"none\"\n{}[[company]]\nid = \"FLOOD1\"\n\
         network_limits = {{ burst = 5, steady = 5 }}\n",
        key("all", KEY, all)
    ));
    (home, admin_key.trim().to_owned())
}

/// The number of requests that are stored before and after what the runbooks look for: more than a
/// page has.
const MANY: usize = 101;

/// Sends what the runbooks find, among much else.
fn send_history(gateway: &Serving) {
    let other = |number: usize| {
        let attributes = json!({ "anonymous_id": "other", "properties": { "number": number } });
        gateway.send(&profile(&attributes)).assert_accepted();
    };
    (0..MANY).for_each(other);
    let sarah = json!({ "email": "sarah@example.com", "first_name": "Sarah" });
    gateway.send(&profile(&sarah).with("X-Request-Id", "checkout-42")).assert_accepted();
    gateway.send(&profile(&json!({ "anonymous_id": "d4cbb1d9" }))).assert_accepted();
    let both = json!({ "email": "sarah@example.com", "anonymous_id": "d4cbb1d9" });
    gateway.send(&profile(&both)).assert_accepted();
    for number in 0..MANY {
        let attributes =
            json!({ "email": "sarah@example.com", "properties": { "number": number } });
        gateway.send(&profile(&attributes)).assert_accepted();
    }
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

/// The commands of these runbooks, each after a line with its heading.
fn script<'r>(gateway: &Serving, runbooks: impl IntoIterator<Item = &'r Runbook>) -> String {
    let mut script = String::new();
    for Runbook { heading, commands } in runbooks {
        let commands = commands
            .replace("http://127.0.0.1:8080", &format!("http://{}", gateway.clients))
            .replace("http://127.0.0.1:9090", &format!("http://{}", gateway.admin))
            .replace("pk_…", KEY);
        script.extend(["echo '=== ", heading, "'\n", &commands]);
    }
    script
}

/// Runs a script in the home.
fn shell(home: &Home, variables: &[(&str, &str)], script: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.arg("-s").current_dir(home.directory());
    shell.env("NO_PROXY", "*").env("no_proxy", "*").envs(variables.iter().copied());
    let piped = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = piped.spawn().unwrap();
    process.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

/// Runs all commands in one shell, and returns what each runbook wrote.
fn run(home: &Home, admin_key: &str, gateway: &Serving) -> BTreeMap<String, String> {
    let all = script(gateway, &runbooks());
    let all = format!("set -eu\nPATH='{}':$PATH\n{all}", programs(home, gateway));
    let output = shell(home, &[("GATEWAY_ADMIN_KEY", admin_key)], &all);
    let (written, errors) =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).into();
    assert!(output.status.success(), "{written}\n{errors}");
    let parts = written.split("=== ").skip(1);
    parts
        .filter_map(|part| part.split_once('\n'))
        .map(|(heading, text)| (heading.to_owned(), text.to_owned()))
        .collect()
}

fn are_installed() -> bool {
    ["jq", "curl"].into_iter().all(is_installed)
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
    if !are_installed() {
        return;
    }
    let (home, admin_key) = home();
    let gateway = home.serve();
    send_history(&gateway);
    let written = run(&home, &admin_key, &gateway);
    let expected: [(&str, &[&str]); 11] = [
        (
            "Which requests of a company were refused, and why?",
            &[
                "1 invalid\t/data/attributes/email",
                " FLOOD1",
                "endpoint=\"POST /client/profiles\",code=\"accepted\"} 205",
            ],
        ),
        ("What happened to one request?", &["\"effect\": \"created\"", "checkout-42"]),
        (
            "What is stored about one person?",
            &["\"Sarah\"", "client\tcreated\tcheckout-42\tfirst_name"],
        ),
        ("Two people were merged wrongly", &["anonymous_id\tabsorbed\t", "\"restored_id\""]),
        ("Prove an erasure", &["\"outcome\": \"207\"", "404\n0\n", "identifiers found: 0\n"]),
        (
            "What did this SDK send?",
            &["klaviyo-swift/4.0.0\t2026-07-15\t/client/profiles\tinvalid", "\"placeholder\""],
        ),
        (
            "Who abuses the public endpoint now?",
            &["code=\"network_throttled\"} 5", "127.0.0.1\tFLOOD1"],
        ),
        ("How many profiles has a company?", &["2 profiles"]),
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

/// The variables, and the runbook that counts profiles.
fn counting(gateway: &Serving) -> String {
    let runbooks = runbooks();
    let names = ["", "How many profiles has a company?"];
    script(gateway, runbooks.iter().filter(|runbook| names.contains(&runbook.heading.as_str())))
}

#[test]
fn a_runbook_waits_while_the_limit_of_the_api_is_spent() {
    if !are_installed() {
        return;
    }
    let (home, _) = home();
    let gateway = home.serve();
    for number in 0..2 * MANY {
        let attributes = json!({ "anonymous_id": format!("device-{number}") });
        gateway.send(&profile(&attributes)).assert_accepted();
    }
    let commands = counting(&gateway);
    let throttled = || gateway.meter("gateway_refusals_total{code=\"throttled\"}");
    // The shell may take so long to start that the limit has recovered, but not each time.
    for _ in 0..20 {
        let mut connection = gateway.connect();
        while connection.exchange(&asking("GET", "/api/profiles?page[size]=1")).status != 429 {}
        let before = throttled();
        let output = shell(&home, &[], &commands);
        assert!(output.status.success(), "{output:?}");
        let written = String::from_utf8(output.stdout).unwrap();
        assert!(written.ends_with("\n202 profiles\n"), "{written}");
        if before < throttled() {
            return;
        }
    }
    panic!("no request of the runbook was refused");
}

#[test]
fn a_runbook_ends_with_an_error_if_a_page_is_not_read() {
    if !are_installed() {
        return;
    }
    let (home, _) = home();
    let gateway = home.serve();
    let output = shell(&home, &[], &counting(&gateway).replace(KEY, "pk_other"));
    assert!(!output.status.success(), "{output:?}");
    let [written, errors] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(!written.contains("profiles\n") && errors.contains("401"), "{written}{errors}");
}
