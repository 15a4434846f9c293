//! `gateway migrate`: the layout of a store that an earlier release wrote.

use std::{fs, path::Path};

use profile_store_suite::archived_store;

use crate::serving::{Finished, Home, finish};

fn migrate(home: &Home, words: &[&str]) -> Finished {
    finish(home.command(&["migrate"]).args(words).arg("--data-dir").arg(home.data_dir()))
}

/// Every file of a directory, with its bytes.
fn all_files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(all_files(&entry.path()));
        } else {
            files.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn a_dry_run_of_a_migration_tells_what_it_takes_and_changes_no_byte() {
    for name in ["clean", "killed"] {
        let home = Home::new();
        fs::create_dir(home.data_dir()).unwrap();
        archived_store::unpack(name, &home.data_dir());
        let before = all_files(&home.data_dir());
        let planned = migrate(&home, &["--dry-run"]);
        planned.assert_exit(0);
        planned.assert_output("layout: 5, layout of this version: 8");
        // Seven companies, the format, and the key for senders.
        planned.assert_output("entries to write: 9, commits: 9");
        planned.assert_output("time: ");
        planned.assert_output("free disk space needed: 589824 bytes");
        assert_eq!(all_files(&home.data_dir()), before);
        let verified = home.verify();
        verified.assert_output("layout: 5; the next start migrates it");
        migrate(&home, &[]).assert_exit(0);
        let verified = home.verify();
        verified.assert_exit(0);
        verified.assert_output("layout: 8\n");
        let again = migrate(&home, &["--dry-run"]);
        again.assert_output("layout: 8, layout of this version: 8");
        again.assert_output("entries to write: 0, commits: 0");
        home.serve().stop().assert_exit(0);
    }
}

#[test]
fn a_migration_of_what_is_no_store_or_is_served_is_refused() {
    let home = Home::new();
    let missing = migrate(&home, &["--dry-run"]);
    missing.assert_exit(1);
    missing.assert_output("there is no store in ");
    let gateway = home.serve();
    for words in [&["--dry-run"][..], &[]] {
        let served = migrate(&home, words);
        served.assert_exit(1);
        served.assert_output("another process is using this data directory");
    }
    gateway.stop().assert_exit(0);
}
