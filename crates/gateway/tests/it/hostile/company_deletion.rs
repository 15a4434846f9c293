//! `gateway delete-company` that ends, or whose disk fails, at any one of the calls by which it
//! changes a file: the store opens and is sound, no other company is touched, and the next run
//! finishes the deletion.

use super::{
    Form, HostileRandom, UNLIMITED, copy_directory, figure,
    preload::{Fault, WatchedDisk},
    report,
};
use crate::{
    serving::{Finished, Home, Serving, finish},
    stored::StoredProfiles,
    wire::RawRequest,
};

/// Profiles of the company that is deleted: some steps of the deletion.
const DELETED: usize = 250;

/// Profiles of the other company.
const KEPT: usize = 20;

const OTHER: &str =
    "[[company]]\nid = \"ABC1234\"\nlimits = { burst = 1000000, steady = 1000000 }\n";

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

fn send(gateway: &Serving, company: &str, people: usize) {
    let mut connection = gateway.connect();
    for number in 0..people {
        connection.exchange(&RawRequest::email(&email(number)).of(company)).assert_accepted();
    }
}

/// A store with data of two companies, whose process was stopped or killed.
fn two_companies(is_killed: bool) -> Home {
    let home = Home::configured(&format!("{UNLIMITED}{OTHER}"));
    let gateway = home.serve();
    send(&gateway, "ABC1234", KEPT);
    send(&gateway, "ABC123", DELETED);
    if is_killed {
        gateway.kill();
    } else {
        gateway.stop().assert_exit(0);
    }
    home
}

fn delete(home: &Home, fault: Option<(&WatchedDisk, Option<(u64, Fault)>)>) -> Finished {
    let mut command = home.command(&["delete-company", "--company", "ABC123"]);
    command.args(["--confirm", "ABC123", "--data-dir"]).arg(home.data_dir());
    if let Some((disk, fault)) = fault {
        disk.watch(&mut command, fault);
    }
    finish(&mut command)
}

/// How many profiles there are of the company that was deleted, and of the other one.
fn stored(home: &Home) -> (usize, usize) {
    let stored = StoredProfiles::open(home);
    let count = |company: &str, people: usize| {
        (0..people).filter(|number| stored.by_email(company, &email(*number)).is_some()).count()
    };
    (count("ABC123", DELETED), count("ABC1234", KEPT))
}

/// What is wrong after a deletion that a fault has met, if anything, and whether it was begun.
fn fault_of(home: &Home, receipt: &str, first: &Finished) -> (Option<String>, bool) {
    let verified = home.verify();
    let is_begun = verified.output.contains("company ABC123: a deletion was begun");
    let fault = || {
        if first.output.contains("panicked") || verified.status.code() != Some(0) {
            return Some(format!("{}{}", first.output, verified.output));
        }
        let again = delete(home, None);
        let is_done = again.output.contains("there is no data of company ABC123");
        if !is_done && !again.output.contains(receipt) {
            return Some(format!("another receipt: {}", again.output));
        }
        let verified = home.verify();
        let is_sound = verified.status.code() == Some(0);
        let left = stored(home);
        (left != (0, KEPT) || !is_sound).then(|| format!("{left:?} left: {}", verified.output))
    };
    (fault(), is_begun)
}

#[test]
fn a_deletion_that_ends_or_fails_at_any_call_to_the_disk_is_finished_by_the_next() {
    let form = Form::asked();
    let mut random = HostileRandom::seeded("company_deletion");
    let (mut faults, mut tried, mut begun) = (Vec::new(), 0, 0);
    for is_killed in [false, true] {
        let original = two_companies(is_killed);
        let fresh = || {
            let home = Home::configured(UNLIMITED);
            copy_directory(&original.data_dir(), &home.data_dir());
            home
        };
        let home = fresh();
        let Some(disk) = WatchedDisk::at(&home.data_dir()) else { return };
        let whole = delete(&home, Some((&disk, None)));
        whole.assert_exit(0);
        let receipt = whole.output.lines().find(|line| line.contains("deleted")).unwrap();
        let calls = disk.calls();
        for kind in Fault::ALL {
            for _ in 0..form.pick(4, 200) {
                let (home, point) = (fresh(), 1 + random.next() % calls);
                let disk = WatchedDisk::at(&home.data_dir()).unwrap();
                let first = delete(&home, Some((&disk, Some((point, kind)))));
                let (fault, is_begun) = fault_of(&home, receipt, &first);
                (tried, begun) = (tried + 1, begun + usize::from(is_begun));
                if let Some(fault) = fault {
                    faults.push(format!(
                        "killed: {is_killed}, {kind:?} at {point} of {calls}: {fault}"
                    ));
                }
            }
        }
    }
    figure("deletions_that_were_cut_off", tried);
    figure("deletions_that_were_not_finished", faults.len());
    report("company_deletion", format_args!("{tried} points, {begun} in the middle"));
    assert!(faults.is_empty(), "{} of {tried}: {faults:#?}", faults.len());
}
