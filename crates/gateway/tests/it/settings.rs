//! Settings: what operators write, the problems reported to them, and the precedence.

use std::{fs, process::Command};

use crate::{
    serving::{Home, Serving, finish},
    wire::RawRequest,
};

#[test]
fn a_right_file_passes_the_check() {
    let home = Home::new();
    let checked = finish(home.command(&["check", "--config"]).arg(home.config()));
    checked.assert_exit(0);
    checked.assert_output("gateway.toml is valid (companies: 3, keys: 0)");
}

#[test]
fn all_problems_of_a_file_are_reported_at_once_with_their_lines() {
    let home = Home::configured(
        "durability = \"sometimes\"\n\
         colour = \"red\"\n\
         [[company]]\n\
         id = \"ABC 123\"\n\
         limits = { burst = 0 }\n\
         [[company]]\n\
         id = \"XYZ789\"\n\
         allowed_origins = [\"https://shop.example/\"]\n\
         [[company.key]]\n\
         name = \"backend\"\n\
         sha256 = \"pk_0123456789\"\n\
         scopes = [\"profiles:everything\"]\n",
    );
    let checked = finish(home.command(&["check", "--config"]).arg(home.config()));
    checked.assert_exit(1);
    // The first three lines of the file are those of every home.
    for output in [
        "line 4: durability must be",
        "line 5: colour",
        "line 7: company[#1].id",
        "line 8: company[#1].limits.burst",
        "line 11: company[XYZ789].allowed_origins[#1]",
        "line 14: company[XYZ789].key[backend].sha256",
        "line 15: company[XYZ789].key[backend].scopes[#1]",
    ] {
        checked.assert_output(output);
    }
    assert!(!checked.output.contains("pk_0123456789"), "a secret is repeated: {}", checked.output);
    let served = finish(&mut home.serve_command());
    served.assert_exit(1);
    served.assert_output("line 15: ");
}

#[test]
fn a_missing_or_malformed_file_is_reported() {
    let home = Home::new();
    let missing = finish(&mut home.command(&["check", "--config", "missing.toml"]));
    missing.assert_exit(1);
    missing.assert_output("missing.toml cannot be read");
    fs::write(home.config(), "[[company\n").unwrap();
    let broken = finish(home.command(&["check", "--config"]).arg(home.config()));
    broken.assert_exit(1);
    broken.assert_output("line 1: not TOML");
}

#[test]
fn a_new_key_is_pasted_into_the_file_as_it_was_printed() {
    let home = Home::new();
    let issue = ["key", "--company", "ABC123", "--scope", "profiles:read,profiles:write"];
    let (first, second) = (finish(&mut home.command(&issue)), finish(&mut home.command(&issue)));
    first.assert_exit(0);
    let entry = |output: &str| output[output.find("[[company.key]]").unwrap()..].to_owned();
    let (first_entry, second_entry) = (entry(&first.output), entry(&second.output));
    home.configure(&format!("[[company]]\nid = \"ABC123\"\n{first_entry}{second_entry}"));
    let checked = finish(home.command(&["check", "--config"]).arg(home.config()));
    checked.assert_exit(0);
    checked.assert_output("companies: 1, keys: 2");
    // The key itself is shown, and is not what is pasted.
    let key = first.output.lines().find(|line| line.starts_with("pk_")).unwrap();
    assert!(!first_entry.contains(key));
}

#[test]
fn the_same_key_twice_or_no_such_scope_is_refused() {
    let home = Home::new();
    let issue = ["key", "--company", "ABC123", "--scope", "profiles:read"];
    let issued = finish(&mut home.command(&issue));
    let entry = &issued.output[issued.output.find("[[company.key]]").unwrap()..];
    home.configure(&format!("[[company]]\nid = \"ABC123\"\n{entry}{entry}"));
    finish(home.command(&["check", "--config"]).arg(home.config())).assert_exit(1);
    let issue = ["key", "--company", "ABC123", "--scope", "profiles:everything"];
    let refused = finish(&mut home.command(&issue));
    refused.assert_exit(2);
    refused.assert_output("profiles:read, profiles:write, data-privacy:write, push-tokens:read");
}

#[test]
fn without_a_file_it_serves_for_development_and_says_how_to_try_it() {
    let home = Home::new();
    let gateway = Serving::start(home.development_command());
    gateway.logged("No configuration file: serving company DEMO01 for development.");
    gateway.logged("pk_");
    let request = RawRequest::email("sarah@example.com").of("DEMO01");
    gateway.send(&request).assert_accepted();
    let lines = ["curl -i ", "-H ", "-d "].map(|start| gateway.logged(start));
    let command = lines.join("\n");
    assert!(command.contains(&gateway.clients.to_string()), "{command}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).env("NO_PROXY", "*").env("no_proxy", "*");
    match shell.output() {
        Ok(output) if output.status.success() => {
            let answer = String::from_utf8(output.stdout).unwrap();
            assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
        }
        // There is no curl here. What it would send was seen to be right above.
        _ => assert!(Command::new("curl").arg("--version").output().is_err(), "{command}"),
    }
    gateway.stop().assert_exit(0);
}

#[test]
fn development_is_for_this_machine_alone() {
    let home = Home::new();
    for (flag, other) in [("--listen", "--admin-listen"), ("--admin-listen", "--listen")] {
        let arguments = ["serve", flag, "0.0.0.0:0", other, "127.0.0.1:0"];
        let finished = finish(&mut home.command(&arguments));
        finished.assert_exit(1);
        finished.assert_output(&format!("{flag} 0.0.0.0:0 can be reached from other machines"));
    }
    assert!(!home.data_dir().exists());
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let home = Home::new();
    let placed = |name: &str| home.directory().join(name).join("table.redb").is_file();
    let config = fs::read_to_string(home.config()).unwrap();
    fs::write(home.config(), format!("data_dir = \"by_file\"\n{config}")).unwrap();
    let command = || {
        let mut command = home.command(&["serve", "--admin-listen", "127.0.0.1:0"]);
        // The other settings come from the environment, which is enough to serve.
        command.env("GATEWAY_LISTEN", "127.0.0.1:0").env("GATEWAY_CONFIG", home.config());
        command
    };
    Serving::start(command()).stop().assert_exit(0);
    assert!(placed("by_file") && !placed("by_environment") && !placed("by_flag"));

    let mut with_environment = command();
    with_environment.env("GATEWAY_DATA_DIR", "by_environment");
    fs::remove_dir_all(home.directory().join("by_file")).unwrap();
    Serving::start(with_environment).stop().assert_exit(0);
    assert!(!placed("by_file") && placed("by_environment") && !placed("by_flag"));

    let mut with_flag = command();
    with_flag.env("GATEWAY_DATA_DIR", "by_environment").args(["--data-dir", "by_flag"]);
    fs::remove_dir_all(home.directory().join("by_environment")).unwrap();
    Serving::start(with_flag).stop().assert_exit(0);
    assert!(!placed("by_file") && !placed("by_environment") && placed("by_flag"));
}

#[test]
fn clients_and_operators_cannot_share_an_address() {
    let home = Home::new();
    let arguments = ["serve", "--listen", "127.0.0.1:7000", "--admin-listen", "127.0.0.1:7000"];
    let finished = finish(home.command(&arguments).arg("--config").arg(home.config()));
    finished.assert_exit(1);
    finished.assert_output("cannot both use 127.0.0.1:7000");
}

#[test]
fn identity_settings_are_each_companys_own() {
    let home = Home::configured(
        "[[company]]\nid = \"KIOSK1\"\n[company.identity]\nsentinels = [\"kiosk-1\"]\n\
         not_sentinels = [\"0\"]\n[[company]]\nid = \"ABC123\"\n",
    );
    let gateway = home.serve();
    let named = |id: &str| {
        let body = r#"{"data":{"type":"profile","attributes":{"external_id":"ID"}}}"#;
        RawRequest::profile(body.replace("ID", id))
    };
    assert_eq!(gateway.send(&named("kiosk-1").of("KIOSK1")).status, 400);
    gateway.send(&named("0").of("KIOSK1")).assert_accepted();
    gateway.send(&named("kiosk-1").of("ABC123")).assert_accepted();
    assert_eq!(gateway.send(&named("0").of("ABC123")).status, 400);
}
