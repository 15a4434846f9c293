//! The golden directory of the present layout: what is in it, and how it is written.
//!
//! Once a layout follows, it is what an earlier release wrote, and is not written again.

use std::{env, fs, path::Path, sync::Arc};

use profile_store::{ImportBody, ImportError, ImportHead, ImportJob, ImportRow, Timestamp};
use profile_store_suite::{
    engines::open_embedded,
    harness::{StoreHarness, wait},
    simulated_ids::{EPOCH, SimulatedIds},
};

use crate::layouts::{copy, golden, shown};

const LAYOUT: &str = "layout-8";

/// Profiles with every kind of record: merges, of which one was undone, replaced values, lost
/// identifiers, push tokens, changes of large profiles, a deletion, an import, and revoked tokens.
fn fill(harness: &mut StoreHarness) {
    harness.send("e:ann a:web name=Ann plan=trial");
    harness.send("a:tab city=Bonn");
    harness.send("e:ann a:tab");
    harness.undo(1).unwrap();
    harness.send("server x:1 e:bob p:5 name=Robert +e:robert");
    harness.send("server x:1 e:bobby size=9");
    harness.send("p:6 a:pad tz=UTC t:pad");
    harness.send("server x:2 zip=1");
    harness.merge(0, 4).unwrap();
    harness.send("server e:dan p:7 name=Dan plan=gold");
    harness.send("e:dan a:phone name=Mallory plan=none t:phone/denied");
    harness.revoke_tokens(Some(5)).unwrap();
    harness.send(&format!("x:large plan={}", "v".repeat(20_000)));
    harness.send("x:gone e:gone name=Gone");
    harness.delete("e:gone");
    harness.send(&format!("e:large p:77 filler={}", "f".repeat(2_000)));
    for plan in ["one", "two", "three"] {
        harness.send(&format!("e:large plan={plan}"));
    }
    harness.send("a:longer zip=2");
    harness.send("e:large a:longer name=Lara");
    wait(harness.store.keep_import(harness.company.clone(), import(harness))).unwrap();
    harness.send("e:ann");
}

/// An import of two rows, of which one failed.
fn import(harness: &StoreHarness) -> ImportJob {
    let time = Timestamp::from_millis(EPOCH + 500);
    let id = harness.store.id_at(time).unwrap();
    let (created, started, ended) = (time, Some(time), Some(time));
    let error = ImportError {
        row: 1,
        code: "invalid".to_owned(),
        title: "Invalid input.".to_owned(),
        detail: "Invalid email address".to_owned(),
        pointer: "/data/attributes/profiles/data/1/attributes/email".to_owned(),
    };
    let payload = r#"{"type":"profile","attributes":{"email":"no address"}}"#.to_owned();
    ImportJob {
        head: ImportHead { id, created, started, ended, total: 2, completed: 1, failed: 1 },
        body: ImportBody { profiles: vec![harness.created[0]], errors: vec![error] },
        rows: vec![ImportRow { row: 1, names: Vec::new(), payload }],
    }
}

/// Writes a store into a directory, and a copy of it as a process that is killed leaves it. Returns
/// what it shows.
fn written(clean: &Path, killed: &Path) -> String {
    let engine = Arc::new(open_embedded(clean));
    let mut harness = StoreHarness::resumed(Arc::clone(&engine) as _, SimulatedIds::new());
    fill(&mut harness);
    harness.assert_sound();
    copy(clean, killed);
    let shown = shown(&harness);
    wait(harness.store.close()).unwrap();
    drop(harness);
    engine.close().unwrap();
    shown
}

#[test]
fn the_golden_directory_of_the_present_layout_shows_what_this_release_shows() {
    let directory = tempfile::tempdir().unwrap();
    let [clean, killed, empty] =
        ["clean", "killed", "empty"].map(|name| directory.path().join(name));
    let shown = written(&clean, &killed);
    if env::var_os("UPDATE_EXPECT").is_some() {
        let engine = Arc::new(open_embedded(&empty));
        let harness = StoreHarness::resumed(Arc::clone(&engine) as _, SimulatedIds::new());
        wait(harness.store.close()).unwrap();
        drop(harness);
        engine.close().unwrap();
        drop(engine);
        let _ = fs::remove_dir_all(golden(LAYOUT, ""));
        copy(directory.path(), &golden(LAYOUT, ""));
        fs::write(golden(LAYOUT, "expected.txt"), &shown).unwrap();
        fs::write(golden(LAYOUT, "expected-killed.txt"), &shown).unwrap();
    }
    assert_eq!(shown, fs::read_to_string(golden(LAYOUT, "expected.txt")).unwrap());
}
