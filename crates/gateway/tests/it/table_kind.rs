//! The kind of table: chosen for a new directory, kept by an existing one, and changed by a copy.

use std::path::Path;

use crate::{
    serving::{Home, finish},
    stored::{StoredProfiles, stored},
    wire::RawRequest,
};

const COMPANY: &str = "[[company]]\nid = \"ABC123\"\n";
const EMAIL: &str = "sarah.mason@klaviyo-demo.com";

/// The kind of table in a directory, by its file as docs/STORAGE.md names it.
#[track_caller]
fn kind_in(directory: &Path) -> &'static str {
    match (directory.join("table.redb").exists(), directory.join("db").exists()) {
        (true, false) => "redb",
        (false, true) => "sled",
        found => panic!("{found:?} in {}", directory.display()),
    }
}

fn configured(table: &str) -> Home {
    Home::configured(&format!("table = \"{table}\"\n{COMPANY}"))
}

#[test]
fn a_new_directory_has_the_table_of_the_setting_and_redb_without_one() {
    for (home, expected) in [
        (Home::configured(COMPANY), "redb"),
        (configured("redb"), "redb"),
        (configured("sled"), "sled"),
    ] {
        let gateway = home.serve();
        gateway.send(&RawRequest::email(EMAIL)).assert_accepted();
        let stored = stored(&home, gateway, 1);
        assert!(stored.by_email("ABC123", EMAIL).is_some());
        assert_eq!(kind_in(&home.data_dir()), expected);
    }
}

#[test]
fn the_flag_takes_precedence_over_the_variable_and_that_over_the_file() {
    let by_variable = configured("redb");
    let mut command = by_variable.serve_command();
    command.env("GATEWAY_TABLE", "sled");
    crate::serving::Serving::start(command).stop().assert_exit(0);
    assert_eq!(kind_in(&by_variable.data_dir()), "sled");
    let by_flag = configured("sled");
    let mut command = by_flag.serve_command();
    command.args(["--table", "redb"]).env("GATEWAY_TABLE", "sled");
    crate::serving::Serving::start(command).stop().assert_exit(0);
    assert_eq!(kind_in(&by_flag.data_dir()), "redb");
}

#[test]
fn a_kind_that_does_not_exist_is_refused() {
    let home = configured("fjall");
    let checked = finish(home.command(&["check", "--config"]).arg(home.config()));
    checked.assert_exit(1);
    checked.assert_output(r#"line 4: table must be "redb" or "sled""#);
}

#[test]
fn an_existing_directory_keeps_its_table_and_the_log_says_so() {
    for (kept, setting) in [("redb", "sled"), ("sled", "redb")] {
        let home = configured(kept);
        home.serve().stop().assert_exit(0);
        home.configure(&format!("table = \"{setting}\"\n{COMPANY}"));
        let gateway = home.serve();
        let line = gateway.logged("keeps its kind of table");
        assert!(line.contains(&format!(r#""table":"{kept}""#)), "{line}");
        assert!(line.contains(&format!(r#""setting":"{setting}""#)), "{line}");
        gateway.stop().assert_exit(0);
        assert_eq!(kind_in(&home.data_dir()), kept);
    }
}

#[test]
fn a_directory_that_keeps_the_table_of_the_setting_is_not_mentioned() {
    let home = configured("sled");
    home.serve().stop().assert_exit(0);
    let finished = home.serve().stop();
    assert!(!finished.output.contains("keeps its kind of table"), "{}", finished.output);
}

#[test]
fn a_copy_has_the_asked_table_and_the_same_data_whatever_it_was_copied_from() {
    for (from, flag, to) in [
        ("sled", None, "redb"),
        ("sled", Some("sled"), "sled"),
        ("redb", Some("sled"), "sled"),
        ("redb", None, "redb"),
    ] {
        let home = configured(from);
        let gateway = home.serve();
        let mut connection = gateway.connect();
        let email = |number: usize| format!("person{number}@example.com");
        for number in 0..20 {
            connection.exchange(&RawRequest::email(&email(number))).assert_accepted();
        }
        // What the journal has is copied as well.
        gateway.kill();
        let into = home.directory().join("moved");
        let mut command = home.command(&["compact", "--data-dir"]);
        command.arg(home.data_dir()).arg("--into").arg(&into);
        if let Some(kind) = flag {
            command.args(["--table", kind]);
        }
        finish(&mut command).assert_exit(0);
        assert_eq!((kind_in(&home.data_dir()), kind_in(&into)), (from, to));
        let profiles = |directory: &Path| {
            let stored = StoredProfiles::open_directory(directory).unwrap();
            let people: Vec<_> =
                (0..20).map(|number| stored.by_email("ABC123", &email(number)).unwrap()).collect();
            (people, stored.outcomes("ABC123"))
        };
        assert_eq!(profiles(&into), profiles(&home.data_dir()));
        let verified = finish(home.command(&["verify", "--data-dir"]).arg(&into));
        verified.assert_exit(0);
        verified.assert_output("profiles: 20, ");
    }
}
