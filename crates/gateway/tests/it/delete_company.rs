//! `gateway delete-company`: asks twice, deletes all data of one company, and prints a receipt.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    company_move::{TwoShops, ask, fill, send as send_one},
    serving::{Finished, Home, Serving, finish},
    stored::{StoredProfiles, lies_in},
    wire::RawRequest,
};

const COMPANIES: &str = "[[company]]\nid = \"ABC123\"\n[[company]]\nid = \"ABC1234\"\n";
const SURNAME: &str = "Featherstonehaugh";

fn send(gateway: &Serving, company: &str, people: usize) {
    let mut connection = gateway.connect();
    for number in 0..people {
        let body = format!(
            r#"{{"data":{{"type":"profile","attributes":{{"email":"person{number}@{company}.com",
               "external_id":"x{number}","last_name":"{SURNAME} of {company}"}}}}}}"#
        );
        connection.exchange(&RawRequest::profile(body).of(company)).assert_accepted();
    }
}

/// A stopped gateway with data of two companies.
fn two_companies() -> Home {
    let home = Home::configured(COMPANIES);
    let gateway = home.serve();
    send(&gateway, "ABC123", 30);
    send(&gateway, "ABC1234", 20);
    gateway.stop().assert_exit(0);
    home
}

fn command(home: &Home, company: &str) -> Command {
    let mut command = home.command(&["delete-company", "--company", company, "--data-dir"]);
    command.arg(home.data_dir());
    command
}

fn delete(home: &Home, company: &str) -> Finished {
    finish(command(home, company).args(["--confirm", company]))
}

/// How many profiles the store has of each company. The store stays in use for a little longer.
fn profiles(home: &Home) -> [usize; 2] {
    let stored = StoredProfiles::open(home);
    ["ABC123", "ABC1234"].map(|company| {
        let email = |number| format!("person{number}@{}.com", company.to_lowercase());
        (0..30).filter(|number: &usize| stored.by_email(company, &email(*number)).is_some()).count()
    })
}

#[test]
fn a_deleted_company_is_gone_with_a_receipt_and_the_others_are_served_as_before() {
    let home = two_companies();
    let deleted = delete(&home, "ABC123");
    deleted.assert_exit(0);
    deleted.assert_output(
        "deleted company ABC123: profiles: 30, identifiers: 60, outcomes: 30, imports: 0, \
         merges: 0, entries: ",
    );
    let verified = home.verify();
    verified.assert_exit(0);
    verified.assert_output("profiles: 20, identifiers: 40, ");
    let again = delete(&home, "ABC123");
    again.assert_exit(1);
    let data_dir = home.data_dir();
    again.assert_output(&format!("there is no data of company ABC123 in {}", data_dir.display()));
    assert_eq!(profiles(&home), [0, 20]);
}

#[test]
fn a_company_that_is_configured_again_after_its_deletion_begins_anew() {
    let home = two_companies();
    delete(&home, "ABC123").assert_exit(0);
    let gateway = home.serve();
    send(&gateway, "ABC123", 1);
    gateway.stop().assert_exit(0);
    let stored = StoredProfiles::open(&home);
    let sequences: Vec<u64> = stored.outcomes("ABC123").iter().map(|it| it.sequence).collect();
    assert_eq!(sequences, [1]);
    assert_eq!(stored.outcomes("ABC1234").len(), 20);
}

#[test]
fn a_compacted_copy_has_no_byte_of_a_deleted_company() {
    let home = two_companies();
    assert!(lies_in(&home.data_dir(), "@abc123.com"));
    delete(&home, "ABC123").assert_exit(0);
    let into = home.directory().join("compacted");
    let mut compact = home.command(&["compact", "--data-dir"]);
    finish(compact.arg(home.data_dir()).arg("--into").arg(&into)).assert_exit(0);
    assert!(lies_in(&into, &format!("{SURNAME} of ABC1234")));
    assert!(!lies_in(&into, "@abc123.com"));
    assert!(lies_in(&into, "@abc1234.com"));
}

#[test]
fn nothing_is_deleted_without_the_id_a_second_time() {
    let home = two_companies();
    let other = finish(command(&home, "ABC123").args(["--confirm", "ABC1234"]));
    other.assert_exit(1);
    other.assert_output("the second id is not ABC123; nothing was deleted");
    let silent = finish(&mut command(&home, "ABC123"));
    silent.assert_exit(1);
    silent.assert_output("add --confirm ABC123");
    assert_eq!(profiles(&home), [30, 20]);
}

#[test]
fn the_id_is_asked_for_on_a_terminal() {
    let home = two_companies();
    for (typed, code) in [("ABC1234", 1), ("yes", 1), ("", 1), ("ABC123", 0)] {
        let Some(finished) = on_terminal(&command(&home, "ABC123"), typed) else {
            eprintln!("\nNOT CHECKED: the question on a terminal: there is no script(1)");
            return;
        };
        finished.assert_exit(code);
        finished.assert_output("This deletes all data of company ABC123, and cannot be undone.");
    }
    assert_eq!(profiles(&home), [0, 20]);
}

/// Runs a command on a terminal and types a line. `None` without the program that has terminals.
pub(crate) fn on_terminal(command: &Command, typed: &str) -> Option<Finished> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| format!("'{}'", word.display())).collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = script.spawn().ok()?;
    let mut input = process.stdin.take().unwrap();
    writeln!(input, "{typed}").unwrap();
    let output = process.wait_with_output().unwrap();
    drop(input);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(Finished { status: output.status, output: text })
}

#[test]
fn a_store_that_is_served_or_missing_is_refused() {
    let home = Home::configured(COMPANIES);
    let missing = delete(&home, "ABC123");
    missing.assert_exit(1);
    missing.assert_output(&format!("there is no store in {}", home.data_dir().display()));
    assert!(!home.data_dir().exists());
    let gateway = home.serve();
    send(&gateway, "ABC123", 2);
    let busy = delete(&home, "ABC123");
    busy.assert_exit(1);
    busy.assert_output("another process is using this data directory");
    gateway.stop().assert_exit(0);
    assert_eq!(profiles(&home), [2, 0]);
}

/// The deletion of the first company by the gateway that serves the store.
fn served_command(shops: &TwoShops, gateway: &Serving) -> Command {
    let mut command = shops.command(&["delete-company", "--company", "ABC123"], Some(gateway));
    command.args(["--confirm", "ABC123"]);
    command
}

#[test]
fn a_gateway_that_serves_deletes_a_company_that_is_configured_no_more() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    let delete = || finish(&mut served_command(&shops, &gateway));
    let configured = delete();
    configured.assert_exit(1);
    configured.assert_output("company ABC123 is configured here");
    shops.reload(&gateway, &["ABC1234"]);
    let mut stranger = served_command(&shops, &gateway);
    let stranger = finish(stranger.env("GATEWAY_ADMIN_KEY", format!("pk_{}", "0".repeat(34))));
    stranger.assert_exit(1);
    stranger.assert_output("answered with status 401");
    let mut silent = shops.command(&["delete-company", "--company", "ABC123"], Some(&gateway));
    finish(&mut silent).assert_output("add --confirm ABC123");
    let deleted = delete();
    deleted.assert_exit(0);
    deleted.assert_output("deleted company ABC123: profiles: 31, ");
    deleted.assert_output("outcomes: 33, imports: 0, merges: 1, entries: ");
    let again = delete();
    again.assert_exit(1);
    again.assert_output(&format!("no data of company ABC123 in http://{}", gateway.admin));
    // Others go on, and the company begins anew once it is configured again.
    shops.reload(&gateway, &["ABC123", "ABC1234"]);
    for company in ["ABC123", "ABC1234"] {
        send_one(&gateway, company, &json!({ "email": "eve@example.com" }));
    }
    let outcomes = ask(&gateway, "/api/outcomes");
    let numbers = outcomes["data"].as_array().unwrap().iter().map(|it| it["id"].clone());
    assert_eq!(numbers.collect::<Vec<_>>(), [json!("1")]);
    gateway.stop().assert_exit(0);
    let verified = shops.home.verify();
    verified.assert_exit(0);
    verified.assert_output("profiles: 34, ");
}

#[test]
fn a_served_deletion_is_finished_though_its_command_or_its_gateway_is_killed() {
    let shops = TwoShops::new();
    for milliseconds in [1, 8] {
        for is_gateway_killed in [false, true] {
            let mut gateway = shops.home.serve();
            shops.reload(&gateway, &["ABC123", "ABC1234"]);
            for number in 0..200 {
                let body = json!({ "external_id": format!("x{number}"), "last_name": SURNAME });
                send_one(&gateway, "ABC123", &body);
            }
            shops.reload(&gateway, &["ABC1234"]);
            let mut process = served_command(&shops, &gateway).spawn().unwrap();
            thread::sleep(Duration::from_millis(milliseconds));
            if is_gateway_killed {
                gateway.kill();
                gateway = shops.home.serve();
            }
            let _ = process.kill();
            process.wait().unwrap();
            let again = finish(&mut served_command(&shops, &gateway));
            let is_gone = again.output.contains("there is no data of company ABC123");
            assert!(is_gone || again.status.success(), "{}", again.output);
            gateway.stop().assert_exit(0);
            let verified = shops.home.verify();
            verified.assert_exit(0);
            verified.assert_output("profiles: 0, identifiers: 0, aliases: 0, outcomes: 0, ");
        }
    }
}
