//! The command line, as people expect one to be.

use std::{fs, io, process::Stdio};

use crate::{
    delete_company::on_terminal,
    serving::{Home, Serving, finish},
    wire::{RawRequest, TEST_TIMEOUT},
};

#[test]
fn a_mistyped_flag_is_answered_with_the_one_that_was_meant() {
    let home = Home::new();
    let refused = finish(&mut home.command(&["serve", "--lisen", "127.0.0.1:0"]));
    refused.assert_exit(2);
    refused.assert_output("--listen");
    let refused = finish(&mut home.command(&["serv"]));
    refused.assert_exit(2);
    refused.assert_output("'serve'");
}

#[test]
fn a_mistyped_environment_variable_is_named_without_its_value() {
    let home = Home::new();
    let mut command = home.serve_command();
    command.env("GATEWAY_LISEN", "secret-value").env("GATEWAY_SERVICE_HOST", "10.0.0.1");
    let gateway = Serving::start(command);
    let line = gateway.logged("these environment variables are no settings of the gateway");
    assert!(line.contains(r#""variables":"GATEWAY_LISEN""#), "{line}");
    let finished = gateway.stop();
    assert!(!finished.output.contains("secret-value"), "{}", finished.output);
}

#[test]
fn a_listener_may_have_a_name() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "localhost:0"]);
    command.args(["--admin-listen", "localhost:0", "--data-dir"]).arg(home.data_dir());
    command.arg("--config").arg(home.config());
    let gateway = Serving::start(command);
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    let refused = finish(&mut home.command(&["serve", "--listen", "no such name:80"]));
    refused.assert_exit(2);
    refused.assert_output("must be an address and a port, as in 127.0.0.1:8080");
}

#[test]
fn a_directory_with_other_files_does_not_become_a_data_directory() {
    let home = Home::new();
    let documents = home.directory().join("documents");
    fs::create_dir(&documents).unwrap();
    fs::write(documents.join("letter.txt"), "Dear").unwrap();
    for command in ["serve", "dev"] {
        let mut command = home.command(&[command, "--listen", "127.0.0.1:0"]);
        command.args(["--admin-listen", "127.0.0.1:0", "--data-dir"]).arg(&documents);
        let refused = finish(&mut command);
        refused.assert_exit(1);
        refused.assert_output("has no store, but other files, such as letter.txt");
    }
    assert_eq!(fs::read_dir(&documents).unwrap().count(), 1);
    // A new file system has this one.
    let volume = home.data_dir();
    fs::create_dir_all(volume.join("lost+found")).unwrap();
    home.serve().stop().assert_exit(0);
}

#[test]
fn output_that_is_closed_ends_no_command_with_a_panic() {
    let home = Home::new();
    home.serve().stop().assert_exit(0);
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = home.command(&["verify", "--data-dir"]);
    let command = command.arg(home.data_dir()).stdout(writer).stderr(Stdio::piped());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn no_control_character_of_an_argument_reaches_the_terminal() {
    let home = Home::new();
    home.configure("[[company]]\nid = \"ABC123\"\n");
    let named = "absent\u{1b}[31m";
    let import = ["import", "--company", "ABC123", "--format", "csv", "--input", named];
    let mut import = home.command(&import);
    import.arg("--config").arg(home.config()).arg("--data-dir").arg(home.data_dir());
    let commands = [
        import,
        home.command(&["verify", "--data-dir", named]),
        home.command(&["backup", "--data-dir", named, "--into", "new"]),
        home.command(&["check", "--config", named]),
        home.command(&[
            "export",
            "--company",
            "ABC123",
            "--format",
            "csv",
            "--output",
            "out",
            "--data-dir",
            named,
        ]),
        home.command(&["man", "--into", &format!("{named}/man")]),
    ];
    for mut command in commands {
        if command.get_args().any(|argument| argument == "man") {
            fs::write(home.directory().join(named), "").unwrap();
        }
        let finished = finish(&mut command);
        finished.assert_exit(1);
        finished.assert_output(r"absent\u{1b}[31m");
        assert!(!finished.output.contains('\u{1b}'), "{:?}", finished.output);
    }
}

#[test]
fn a_new_key_is_alone_on_the_standard_output() {
    let home = Home::new();
    let arguments = ["key", "--company", "ABC123", "--scope", "profiles:read"];
    let output = home.command(&arguments).output().unwrap();
    let key = String::from_utf8(output.stdout).unwrap();
    assert!(key.starts_with("pk_") && key.trim_end().len() == 37, "{key}");
    assert_eq!(key.lines().count(), 1);
    // The rest is appended to the file as it is.
    let entry = String::from_utf8(output.stderr).unwrap();
    home.configure(&format!("[[company]]\nid = \"ABC123\"\n{entry}"));
    let checked = finish(home.command(&["check", "--config"]).arg(home.config()));
    checked.assert_output("companies: 1, keys: 1");
}

#[test]
fn a_reload_names_the_settings_that_need_a_restart() {
    let home = Home::new();
    let gateway = home.serve();
    home.configure("cache_mib_is_not = 1");
    gateway.signal("HUP");
    gateway.logged("the configuration was not reloaded");
    home.configure(
        "durability = \"relaxed\"\nclient_free_mib = 600\ndrain_seconds = 3\n[[company]]\nid = \"A\"\n",
    );
    gateway.signal("HUP");
    let line = gateway.logged("need a restart");
    assert!(line.contains("client_free_mib, durability, drain_seconds"), "{line}");
}

#[test]
fn a_body_that_never_arrives_delays_a_stop_no_longer_than_the_drain_time() {
    let home = Home::new();
    let mut command = home.serve_command();
    command.args(["--drain-seconds", "1"]);
    let mut gateway = Serving::start(command);
    let mut connection = gateway.connect();
    let head = "POST /client/profiles?company_id=ABC123 HTTP/1.1\r\nHost: gateway\r\n\
                revision: 2026-07-15\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    connection.send(head);
    // The head is read once another request on a new connection is answered.
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    gateway.signal("TERM");
    assert!(gateway.ends_within(TEST_TIMEOUT));
    gateway.wait().assert_exit(0);
}

#[test]
fn a_command_draws_its_progress_on_a_terminal_and_writes_no_line_about_a_short_one_elsewhere() {
    let home = Home::new();
    let gateway = home.serve();
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    let into = |name: &str| home.directory().join(name).display().to_string();
    let data = home.data_dir().display().to_string();
    for (words, counted) in [
        (vec!["verify", "--data-dir", &data], "entries verified"),
        (vec!["stats", "--data-dir", &data], "entries read"),
        (vec!["backup", "--data-dir", &data, "--into", &into("backup")], "entries copied"),
        (vec!["restore", "--backup", &into("backup"), "--into", &into("new")], "entries copied"),
        (vec!["compact", "--data-dir", &data, "--into", &into("compacted")], "entries copied"),
    ] {
        let Some(drawn) = on_terminal(&home.command(&words), "") else {
            eprintln!("\nNOT CHECKED: progress on a terminal: there is no script(1)");
            return;
        };
        drawn.assert_exit(0);
        drawn.assert_output(counted);
    }
    let plain = home.verify();
    plain.assert_exit(0);
    assert!(!plain.output.contains("entries verified"), "{}", plain.output);
}
