//! Companies whose data are stored, although they are not configured: the operator learns of them.

use std::fs;

use crate::{
    serving::{Finished, Home, Serving, finish},
    wire::RawRequest,
};

const MESSAGE: &str = "data of companies that are not configured";

fn companies(ids: &[&str]) -> String {
    let table = |id: &&str| format!("[[company]]\nid = \"{id}\"\n");
    ids.iter().map(table).collect::<Vec<String>>().concat()
}

fn send(gateway: &Serving, ids: &[&str]) {
    for id in ids {
        gateway.send(&RawRequest::email("ann@example.com").of(id)).assert_accepted();
    }
}

fn check(home: &Home) -> Finished {
    let checked = finish(home.command(&["check", "--config"]).arg(home.config()));
    checked.assert_exit(0);
    checked
}

#[test]
fn a_company_that_is_no_longer_configured_is_named_at_reload_at_start_and_by_check() {
    let home = Home::configured(&companies(&["ABC123", "GONE01", "GONE02"]));
    let gateway = home.serve();
    send(&gateway, &["ABC123", "GONE01", "GONE02"]);
    home.configure(&companies(&["ABC123"]));
    gateway.signal("HUP");
    let line = gateway.logged(MESSAGE);
    assert!(line.contains(r#""companies":"GONE01, GONE02""#), "{line}");
    assert!(line.contains(r#""count":2"#) && line.contains("WARN"), "{line}");
    let busy = check(&home);
    busy.assert_output("was not searched for companies that are not configured: a gateway");
    gateway.stop().assert_exit(0);
    let checked = check(&home);
    checked.assert_output("gateway.toml is valid (companies: 1, keys: 0)");
    checked.assert_output("has data of companies that are not configured: GONE01, GONE02");
    checked.assert_output("gateway delete-company");
    let gateway = home.serve();
    assert!(gateway.logged(MESSAGE).contains("GONE01, GONE02"));
    gateway.stop().assert_exit(0);
}

#[test]
fn nothing_is_said_where_every_company_with_data_is_configured() {
    let home = Home::configured(&companies(&["ABC123", "EMPTY1"]));
    assert_eq!(check(&home).output.lines().count(), 1, "there is no store");
    assert!(!home.data_dir().exists());
    let gateway = home.serve();
    send(&gateway, &["ABC123"]);
    home.configure(&companies(&["ABC123"]));
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    send(&gateway, &["ABC123"]);
    let finished = gateway.stop();
    assert!(!finished.output.contains(MESSAGE), "{}", finished.output);
    assert_eq!(check(&home).output.lines().count(), 1);
}

#[test]
fn a_long_list_of_companies_is_cut_and_counted() {
    let ids: Vec<String> = (0..23).map(|number| format!("GONE{number:02}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let home = Home::configured(&companies(&ids));
    let gateway = home.serve();
    send(&gateway, &ids);
    gateway.stop().assert_exit(0);
    home.configure(&companies(&["ABC123"]));
    let checked = check(&home);
    checked.assert_output("GONE00, GONE01");
    checked.assert_output("GONE19 and 3 more");
}

#[test]
fn check_changes_no_byte_of_the_store_and_reads_the_directory_that_it_is_given() {
    let home = Home::configured(&companies(&["GONE01"]));
    let gateway = home.serve();
    send(&gateway, &["GONE01"]);
    gateway.kill();
    home.configure(&companies(&["ABC123"]));
    let table = home.data_dir().join("table.redb");
    let before = fs::read(&table).unwrap();
    check(&home).assert_output("configured: GONE01");
    assert!(fs::read(&table).unwrap() == before);
    let moved = home.directory().join("moved");
    fs::rename(home.data_dir(), &moved).unwrap();
    assert_eq!(check(&home).output.lines().count(), 1);
    let mut command = home.command(&["check", "--config"]);
    let checked = finish(command.arg(home.config()).arg("--data-dir").arg(&moved));
    checked.assert_output("configured: GONE01");
    fs::write(moved.join("table.redb"), "damaged").unwrap();
    let mut command = home.command(&["check", "--config"]);
    let checked = finish(command.arg(home.config()).arg("--data-dir").arg(&moved));
    checked.assert_exit(0);
    checked.assert_output("was not searched for companies that are not configured: ");
    checked.assert_output("table.redb");
}

#[test]
fn check_does_not_copy_a_table_in_sled() {
    let home = Home::configured(&format!("table = \"sled\"\n{}", companies(&["GONE01"])));
    let gateway = home.serve();
    send(&gateway, &["GONE01"]);
    gateway.stop().assert_exit(0);
    home.configure(&companies(&["ABC123"]));
    check(&home).assert_output("its table is in sled");
    let gateway = home.serve();
    assert!(gateway.logged(MESSAGE).contains("GONE01"));
}
