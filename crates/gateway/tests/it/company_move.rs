//! `gateway stats` and `gateway move-company`: what a store has of each company, and a company in
//! another store, with everything that it had.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use serde_json::{Value, json};

use crate::{
    api::{KEY, asking, key},
    serving::{Finished, Home, Serving, finish, wait_until},
    wire::RawRequest,
};

/// A shop whose limits end no test.
fn shop(id: &str) -> String {
    format!(
        "[[company]]\nid = \"{id}\"\nlimits = \"none\"\nnetwork_limits = \"none\"\n\
         api_limits = \"none\"\n"
    )
}

/// A gateway with two companies, of which the first has a private key, and an admin key.
pub(crate) struct TwoShops {
    pub(crate) home: Home,
    pub(crate) admin_key: String,
    /// The configuration of the admin key.
    entry: String,
}

impl TwoShops {
    pub(crate) fn new() -> TwoShops {
        let home = Home::new();
        let output = home.command(&["key", "--admin"]).output().unwrap();
        let admin_key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let entry = String::from_utf8(output.stderr).unwrap();
        let shops = TwoShops { home, admin_key, entry };
        shops.configure(&["ABC123", "ABC1234"]);
        shops
    }

    /// Configures these companies alone.
    fn configure(&self, companies: &[&str]) {
        let shops = companies.iter().map(|id| match *id {
            "ABC123" => {
                let key = key("shop", KEY, "\"profiles:read\", \"profiles:write\"");
                format!("{}{key}", shop(id))
            }
            id => shop(id),
        });
        self.home.configure(&format!("{}{}", self.entry, shops.collect::<String>()));
    }

    /// Has a gateway serve these companies alone.
    pub(crate) fn reload(&self, gateway: &Serving, companies: &[&str]) {
        let reloads = || gateway.written().matches("reloaded the configuration").count();
        let before = reloads();
        self.configure(companies);
        gateway.signal("HUP");
        wait_until("the configuration is reloaded", || before < reloads());
    }

    pub(crate) fn other_directory(&self) -> PathBuf {
        self.home.directory().join("other")
    }

    pub(crate) fn command(&self, words: &[&str], gateway: Option<&Serving>) -> Command {
        let mut command = self.home.command(words);
        match gateway {
            None => command.arg("--data-dir").arg(self.home.data_dir()),
            Some(gateway) => command
                .args(["--admin-url", &format!("http://{}", gateway.admin)])
                .env("GATEWAY_ADMIN_KEY", &self.admin_key),
        };
        command
    }

    fn moved(&self, company: &str, gateway: Option<&Serving>) -> Finished {
        let mut command = self.command(&["move-company", "--company", company], gateway);
        finish(command.arg("--into").arg(self.other_directory()))
    }

    /// A gateway on the other directory.
    pub(crate) fn serve_other(&self) -> Serving {
        let mut command = self.home.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--admin-listen", "127.0.0.1:0", "--config"]).arg(self.home.config());
        command.arg("--data-dir").arg(self.other_directory());
        Serving::start(command)
    }
}

pub(crate) fn ask(gateway: &Serving, target: &str) -> Value {
    gateway.send(&asking("GET", target)).json()
}

pub(crate) fn send(gateway: &Serving, company: &str, attributes: &Value) {
    let body = json!({ "data": { "type": "profile", "attributes": attributes } });
    gateway.send(&RawRequest::profile(body.to_string()).of(company)).assert_accepted();
}

/// Two persons of the first company who were merged, one of the second, and 30 more of each.
pub(crate) fn fill(gateway: &Serving) {
    for company in ["ABC123", "ABC1234"] {
        send(gateway, company, &json!({ "email": "ann@example.com", "first_name": "Ann" }));
        send(gateway, company, &json!({ "anonymous_id": "tab", "properties": { "plan": "gold" } }));
        for number in 0..30 {
            send(gateway, company, &json!({ "external_id": format!("visitor-{number}") }));
        }
    }
    send(gateway, "ABC123", &json!({ "email": "ann@example.com", "anonymous_id": "tab" }));
}

/// What a reader of the company sees: everything but the links, which name the address.
fn seen(gateway: &Serving) -> [Value; 3] {
    let profiles = ask(gateway, "/api/profiles?page[size]=100&sort=created");
    let ann = ask(gateway, "/api/profiles?filter=equals(email,%22ann@example.com%22)");
    let ann = ann["data"][0]["id"].as_str().unwrap().to_owned();
    let history = ask(gateway, &format!("/api/profiles/{ann}/history"));
    let outcomes = ask(gateway, "/api/outcomes?page[size]=100");
    [profiles, history, outcomes].map(|document| without_links(document["data"].clone()))
}

fn without_links(document: Value) -> Value {
    match document {
        Value::Array(items) => items.into_iter().map(without_links).collect(),
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| name != "links")
            .map(|(name, value)| (name, without_links(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        value => value,
    }
}

#[test]
fn a_moved_company_is_read_and_undone_as_before_and_no_other_comes_along() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    let before = seen(&gateway);
    gateway.stop().assert_exit(0);
    let moved = shops.moved("ABC123", None);
    moved.assert_exit(0);
    moved.assert_output("copied company ABC123: entries: ");
    let verified =
        finish(shops.home.command(&["verify", "--data-dir"]).arg(shops.other_directory()));
    verified.assert_exit(0);
    verified.assert_output("profiles: 31, ");
    let other = shops.serve_other();
    assert_eq!(seen(&other), before);
    let merged = &before[1][0]["attributes"]["claims"][1]["profile_id"];
    let undo = json!({ "data": { "type": "profile-unmerge",
        "attributes": { "profile_id": merged } } });
    let undone = other.send(&asking("POST", "/api/profile-unmerge").body(undo.to_string()));
    assert_eq!(undone.status, 200);
    // The next outcome has the next number.
    let numbers = ask(&other, "/api/outcomes?page[size]=100");
    let last = numbers["data"].as_array().unwrap().last().unwrap()["id"].clone();
    assert_eq!(last, json!((before[2].as_array().unwrap().len() + 1).to_string()));
    other.stop().assert_exit(0);
}

#[test]
fn a_company_is_copied_while_it_is_served_and_only_where_it_is_not_yet() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    shops.moved("ABC1234", Some(&gateway)).assert_exit(0);
    shops.moved("ABC123", Some(&gateway)).assert_exit(0);
    let again = shops.moved("ABC123", Some(&gateway));
    again.assert_exit(1);
    again.assert_output("the other store has data of company ABC123");
    let typo = shops.home.directory().join("typo");
    let mut command = shops.home.command(&["move-company", "--company", "ABC123", "--data-dir"]);
    let missing = finish(command.arg(typo).arg("--into").arg(shops.other_directory()));
    missing.assert_exit(1);
    missing.assert_output("there is no store in ");
    let unknown = shops.moved("ZZZ999", Some(&gateway));
    unknown.assert_exit(1);
    unknown.assert_output("the store has no data of company ZZZ999");
    gateway.stop().assert_exit(0);
    let verified =
        finish(shops.home.command(&["verify", "--data-dir"]).arg(shops.other_directory()));
    verified.assert_exit(0);
    verified.assert_output("profiles: 63, ");
}

#[test]
fn a_copy_that_is_killed_leaves_nothing_of_the_company() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    shops.moved("ABC1234", Some(&gateway)).assert_exit(0);
    for milliseconds in [1, 5, 10, 20, 40] {
        let mut command = shops.command(&["move-company", "--company", "ABC123"], Some(&gateway));
        let mut process = command.arg("--into").arg(shops.other_directory()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let _ = process.kill();
        process.wait().unwrap();
        shops.serve_other().stop().assert_exit(0);
        let verified =
            finish(shops.home.command(&["verify", "--data-dir"]).arg(shops.other_directory()));
        verified.assert_exit(0);
        // Nothing, or all of it if the process was killed just before its end.
        let is_whole = verified.output.contains("profiles: 63, ");
        assert!(is_whole || verified.output.contains("profiles: 32, "), "{}", verified.output);
        if is_whole {
            break;
        }
    }
    gateway.stop().assert_exit(0);
}

/// The command that copies the first company from one gateway that serves into another one.
fn moving(from: (&TwoShops, &Serving), to: (&TwoShops, &Serving)) -> Command {
    let mut command = from.0.command(&["move-company", "--company", "ABC123"], Some(from.1));
    command.args(["--into-url", &format!("http://{}", to.1.admin)]);
    command.env("GATEWAY_INTO_KEY", &to.0.admin_key);
    command
}

#[test]
fn a_company_moves_into_a_gateway_that_serves_others_and_is_read_as_before() {
    let (from, to) = (TwoShops::new(), TwoShops::new());
    let (first, second) = (from.home.serve(), to.home.serve());
    fill(&first);
    let before = seen(&first);
    send(&second, "ABC1234", &json!({ "email": "bob@example.com" }));
    let run = || finish(&mut moving((&from, &first), (&to, &second)));
    let configured = run();
    configured.assert_exit(1);
    configured.assert_output("company ABC123 is configured here");
    to.reload(&second, &["ABC1234"]);
    let mut stranger = moving((&from, &first), (&to, &second));
    let stranger = finish(stranger.env("GATEWAY_INTO_KEY", &from.admin_key));
    stranger.assert_exit(1);
    stranger.assert_output("answered with status 401");
    let moved = run();
    moved.assert_exit(0);
    moved.assert_output("copied company ABC123: entries: ");
    let again = run();
    again.assert_exit(1);
    again.assert_output("the store has data of company ABC123");
    to.reload(&second, &["ABC123", "ABC1234"]);
    assert_eq!(seen(&second), before);
    let merged = &before[1][0]["attributes"]["claims"][1]["profile_id"];
    let undo = json!({ "data": { "type": "profile-unmerge",
        "attributes": { "profile_id": merged } } });
    let undone = second.send(&asking("POST", "/api/profile-unmerge").body(undo.to_string()));
    assert_eq!(undone.status, 200);
    let numbers = ask(&second, "/api/outcomes?page[size]=100");
    let last = numbers["data"].as_array().unwrap().last().unwrap()["id"].clone();
    assert_eq!(last, json!((before[2].as_array().unwrap().len() + 1).to_string()));
    send(&second, "ABC1234", &json!({ "email": "bob@example.com", "first_name": "Bob" }));
    second.stop().assert_exit(0);
    let verified = to.home.verify();
    verified.assert_exit(0);
    verified.assert_output("profiles: 33, ");
    first.stop().assert_exit(0);
}

#[test]
fn a_copy_into_a_gateway_that_serves_leaves_nothing_if_its_command_or_the_gateway_is_killed() {
    let (from, to) = (TwoShops::new(), TwoShops::new());
    let first = from.home.serve();
    fill(&first);
    to.configure(&["ABC1234"]);
    let mut second = to.home.serve();
    for milliseconds in [1, 5, 10, 20, 40, 80] {
        let mut process = moving((&from, &first), (&to, &second)).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let is_gateway_killed = milliseconds == 20;
        if is_gateway_killed {
            second.kill();
            second = to.home.serve();
        }
        let _ = process.kill();
        process.wait().unwrap();
        // The next command waits until what was copied is removed.
        let moved = finish(&mut moving((&from, &first), (&to, &second)));
        let is_whole = moved.output.contains("the store has data of company ABC123");
        assert!(is_whole || moved.status.success(), "{}", moved.output);
        let mut delete = to.command(&["delete-company", "--company", "ABC123"], Some(&second));
        let deleted = finish(delete.args(["--confirm", "ABC123"]));
        deleted.assert_exit(0);
        deleted.assert_output("profiles: 31, ");
        if is_whole {
            break;
        }
    }
    second.stop().assert_exit(0);
    let verified = to.home.verify();
    verified.assert_exit(0);
    verified.assert_output("profiles: 0, ");
    first.stop().assert_exit(0);
}

#[test]
fn statistics_count_what_each_company_has() {
    let shops = TwoShops::new();
    let gateway = shops.home.serve();
    fill(&gateway);
    let counted = finish(&mut shops.command(&["stats"], Some(&gateway)));
    counted.assert_exit(0);
    counted.assert_output(
        "company ABC123: profiles: 31, external ids: 30, emails: 1, phone numbers: 0, anonymous \
         ids: 1, push tokens: 0, merged profiles: 1, undoable merges: 1, outcomes: 33, entries: ",
    );
    counted.assert_output("company ABC1234: profiles: 32, external ids: 30, ");
    gateway.stop().assert_exit(0);
    let before = files(&shops.home.data_dir());
    let counted = finish(&mut shops.command(&["stats", "--json", "--company", "ABC123"], None));
    counted.assert_exit(0);
    let line: Value = serde_json::from_str(counted.output.trim()).unwrap();
    assert_eq!((&line["company"], &line["profiles"]), (&json!("ABC123"), &json!(31)));
    assert!(line["bytes"].as_u64().unwrap() > 1_000, "{line}");
    assert_eq!(files(&shops.home.data_dir()), before);
    let unknown = finish(&mut shops.command(&["stats", "--company", "ZZZ999"], None));
    unknown.assert_exit(1);
    unknown.assert_output("the store has no data of company ZZZ999");
}

/// The files of a directory, with their sizes and when they were changed.
pub(crate) fn files(directory: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
    let mut files: Vec<(PathBuf, u64, SystemTime)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.path(), entry.metadata().unwrap()))
        .map(|(path, metadata)| (path, metadata.len(), metadata.modified().unwrap()))
        .collect();
    files.sort();
    files
}
