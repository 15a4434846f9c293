//! The bytes of a person who was erased and of a company that was deleted: what removes them from
//! the files, as docs/OPERATIONS.md promises it.

use std::{fs, path::Path, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    api::{KEY, asking, key},
    serving::{Finished, Home, Serving, finish},
    stored::lies_in,
    wire::RawRequest,
};

/// What is only in the profile of the person who is erased, or in one merged into it.
const ERASED: [&str; 7] = [
    "erased@example.com",
    "former@example.com",
    "replaced@example.com",
    "device-of-the-erased",
    "customer-77",
    "Featherstonehaugh",
    "Cholmondeley",
];

/// What is only in a profile that stays.
const KEPT: &str = "Marjoribanks";

const OTHER: &str = "DEF456";

fn create(gateway: &Serving, attributes: &Value) -> String {
    let body = json!({ "data": { "type": "profile", "attributes": attributes } });
    let answer = gateway.send(&asking("POST", "/api/profiles").body(body.to_string()));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["data"]["id"].as_str().unwrap().to_owned()
}

/// Fills the journal, so that what follows lies far behind the beginning of its file.
fn send_others(gateway: &Serving) {
    let mut connection = gateway.connect();
    for number in 0..100 {
        let email = format!("person{number}@example.com");
        connection.exchange(&RawRequest::email(&email).of(OTHER)).assert_accepted();
    }
}

/// An import of which a row about the person fails, and is kept with what names it.
fn import_faulty_row(gateway: &Serving) {
    let row = json!({ "email": "erased@example.com", "anonymous_id": "device-of-the-erased",
        "phone_number": "none" });
    let import = json!({ "data": { "type": "profile-bulk-import-job", "attributes": {
        "profiles": { "data": [{ "type": "profile", "attributes": row }] } } } });
    let target = "/api/profile-bulk-import-jobs";
    let imported = gateway.send(&asking("POST", target).body(import.to_string()));
    assert_eq!(imported.status, 202, "{imported:?}");
}

/// A stopped gateway that has stored, changed, merged and erased a person.
fn erased(table: &str) -> Home {
    let home = Home::configured(&format!(
        "table = \"{table}\"\n[[company]]\nid = \"ABC123\"\napi_limits_factor = 100\n{}\n\
         [[company]]\nid = \"{OTHER}\"\nnetwork_limits = {{ burst = 350, steady = 3500 }}\n",
        key("all", KEY, r#""profiles:read", "profiles:write", "data-privacy:write""#),
    ));
    let gateway = home.serve();
    send_others(&gateway);
    create(&gateway, &json!({ "email": "kept@example.com", "last_name": KEPT }));
    let former =
        create(&gateway, &json!({ "email": "former@example.com", "title": "Cholmondeley" }));
    let person = json!({ "email": "replaced@example.com", "external_id": "customer-77",
        "properties": { "maiden name": "Featherstonehaugh" } });
    let person = create(&gateway, &person);
    let change = json!({ "data": { "type": "profile", "id": person,
        "attributes": { "email": "erased@example.com" } } });
    let changed = asking("PATCH", &format!("/api/profiles/{person}")).body(change.to_string());
    assert_eq!(gateway.send(&changed).status, 200);
    import_faulty_row(&gateway);
    let merge = json!({ "data": { "type": "profile-merge", "id": person, "relationships":
        { "profiles": { "data": [{ "type": "profile", "id": former }] } } } });
    let merged = gateway.send(&asking("POST", "/api/profile-merge").body(merge.to_string()));
    assert_eq!(merged.status, 201, "{merged:?}");
    let deletion = json!({ "data": { "type": "data-privacy-deletion-job", "attributes":
        { "profile": { "data": { "type": "profile",
            "attributes": { "email": "erased@example.com" } } } } } });
    let target = "/api/data-privacy-deletion-jobs";
    let deleted = gateway.send(&asking("POST", target).body(deletion.to_string()));
    assert_eq!(deleted.status, 202, "{deleted:?}");
    gateway.stop().assert_exit(0);
    home
}

/// The texts of the person that lie in the files of a directory.
fn left_in(directory: &Path) -> Vec<&'static str> {
    ERASED.into_iter().filter(|text| lies_in(directory, text)).collect()
}

/// Starts the gateway, waits until the table has the earlier changes, and stops it.
fn start(home: &Home) {
    let gateway = home.serve();
    let is_generation = |path: &Path| path.extension().is_some_and(|end| end == "journal");
    let generations = || {
        let names = fs::read_dir(home.data_dir().join("journal")).unwrap();
        names.filter(|name| is_generation(&name.as_ref().unwrap().path())).count()
    };
    let is_in_table = |_| {
        thread::sleep(Duration::from_millis(5));
        generations() <= 1
    };
    assert!((0..6_000).any(is_in_table), "the checkpoint of the start does not end");
    gateway.stop().assert_exit(0);
}

#[test]
fn a_compacted_copy_has_no_byte_of_an_erased_person_whatever_the_tables() {
    for from in ["redb", "sled"] {
        let home = erased(from);
        assert_eq!(left_in(&home.data_dir()), ERASED, "the test looks in the wrong place");
        for to in ["redb", "sled"] {
            let into = home.directory().join(to);
            let mut compact = home.command(&["compact", "--table", to, "--data-dir"]);
            finish(compact.arg(home.data_dir()).arg("--into").arg(&into)).assert_exit(0);
            assert!(lies_in(&into, KEPT));
            assert_eq!(left_in(&into), [""; 0], "from {from} to {to}");
        }
    }
}

#[test]
fn the_journal_has_no_byte_of_an_erased_person_after_the_third_start() {
    for table in ["redb", "sled"] {
        let home = erased(table);
        let journal = home.data_dir().join("journal");
        assert_eq!(left_in(&journal), ERASED);
        (0..3).for_each(|_| start(&home));
        assert_eq!(left_in(&journal), [""; 0], "{table}");
        home.verify().assert_output("every invariant holds");
    }
}

#[test]
fn the_journal_has_no_byte_of_a_deleted_company_after_the_third_start() {
    let home = erased("redb");
    let mut delete = home.command(&["delete-company", "--company", OTHER, "--confirm", OTHER]);
    finish(delete.arg("--data-dir").arg(home.data_dir())).assert_exit(0);
    let journal = home.data_dir().join("journal");
    assert!(lies_in(&journal, "person99@example.com"));
    (0..3).for_each(|_| start(&home));
    assert!(!(0..100).any(|number| lies_in(&journal, &format!("person{number}@example.com"))));
}

/// Runs `gateway verify --erased` with a list of these lines.
fn verify_erased(home: &Home, lines: &[u8]) -> Finished {
    let list = home.directory().join("list");
    fs::write(&list, lines).unwrap();
    let mut verify = home.command(&["verify", "--data-dir"]);
    finish(verify.arg(home.data_dir()).arg("--erased").arg(list))
}

#[test]
fn verify_shows_that_no_identifier_of_an_erased_person_is_left() {
    for table in ["redb", "sled"] {
        let home = erased(table);
        let list = format!("{}\r\n\n", ERASED.join("\n"));
        let shown = verify_erased(&home, list.as_bytes());
        shown.assert_exit(0);
        let counts = "identifiers: 7, entries searched: ";
        assert!(shown.output.contains(counts), "{shown:?}");
        assert!(shown.output.contains("identifiers found: 0"), "{shown:?}");
        let in_files = "only in bytes that the files no longer use: 7";
        assert!(shown.output.contains(in_files), "{shown:?}");
        // A person who is still there.
        let shown = verify_erased(&home, b"absent@example.com\nKept@Example.com\n");
        shown.assert_exit(1);
        let found = "found: the identifier in line 2, in an identifier, company ABC123";
        assert!(shown.output.contains(found), "{shown:?}");
        assert!(!shown.output.to_lowercase().contains("kept@example.com"), "{shown:?}");
        assert!(shown.output.contains("identifiers found: 1"), "{shown:?}");
    }
}

#[test]
fn ten_thousand_identifiers_and_odd_bytes_are_looked_for_at_once() {
    let home = Home::configured(&format!(
        "[[company]]\nid = \"ABC123\"\n{}",
        key("all", KEY, r#""profiles:read", "profiles:write""#),
    ));
    let gateway = home.serve();
    let odd = "quote\"back\\slash \u{1f600} é";
    create(&gateway, &json!({ "email": "x@example.com", "properties": { "alias": ["7", odd] } }));
    create(&gateway, &json!({ "external_id": "77" }));
    gateway.stop().assert_exit(0);
    let absent: Vec<String> = (0..10_000).map(|n| format!("absent{n}@example.com")).collect();
    let absent = absent.join("\n").into_bytes();
    verify_erased(&home, &absent).assert_exit(0);
    verify_erased(&home, b"(stands)\n\xff\xfe\x00\x01\n\x00\n777\nABC123\n").assert_exit(0);
    for present in [odd.as_bytes(), b"7", b"77", b"alias", b"X@example.com "] {
        let list = [&absent[..], b"\n", present].concat();
        let shown = verify_erased(&home, &list);
        shown.assert_exit(1);
        assert!(shown.output.contains("found: the identifier in line 10001,"), "{shown:?}");
    }
    let utf_16 = &b"\xff\xfea\0\n\0"[..];
    for refused in [&b"\n \n"[..], &b"x".repeat(600), &b"x\n".repeat(100_001), utf_16] {
        verify_erased(&home, refused).assert_exit(1);
    }
}
