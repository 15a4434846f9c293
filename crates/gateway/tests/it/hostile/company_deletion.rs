//! `gateway delete-company` that ends, or whose disk fails, at any one of the calls by which it
//! changes a file: the store opens and is sound, no other company is touched, and the next run
//! finishes the deletion.

use std::process::Command;

use super::{
    Form, HostileRandom, UNLIMITED, copy_directory, figure,
    preload::{CallFault, WatchedDisk},
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

/// Calls by which a process closes the store, some of which may be more.
const CLOSING: u64 = 4;

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

/// `gateway delete-company`, confirmed.
pub(super) fn command(home: &Home, company: &str) -> Command {
    let mut command = home.command(&["delete-company", "--company", company]);
    command.args(["--confirm", company, "--data-dir"]).arg(home.data_dir());
    command
}

/// Runs the command on a disk that fails as told.
fn delete_on(
    disk: &WatchedDisk,
    mut command: Command,
    fault: Option<(u64, CallFault)>,
) -> Finished {
    disk.watch(&mut command, fault);
    finish(&mut command)
}

/// Calls at which the disk fails: half of them any, half of them while entries are removed.
fn points(opening: u64, calls: u64, most: usize, random: &mut HostileRandom) -> Vec<u64> {
    assert!(opening < calls, "{opening} of {calls} calls");
    let point = |number| {
        let first = if number % 2 == 0 { 1 } else { opening };
        first + random.next() % (calls - first + 1)
    };
    (0..most).map(point).collect()
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
        let again = finish(&mut command(home, "ABC123"));
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
        // A company without data: the store is opened, read and closed.
        delete_on(&disk, command(&home, "NONE01"), None).assert_exit(1);
        let opening = disk.calls().saturating_sub(CLOSING);
        let home = fresh();
        let disk = WatchedDisk::at(&home.data_dir()).unwrap();
        let whole = delete_on(&disk, command(&home, "ABC123"), None);
        whole.assert_exit(0);
        let receipt = whole.output.lines().find(|line| line.contains("deleted")).unwrap();
        let calls = disk.calls();
        for kind in CallFault::ALL {
            for point in points(opening, calls, form.pick(2, 200), &mut random) {
                let home = fresh();
                let disk = WatchedDisk::at(&home.data_dir()).unwrap();
                let first = delete_on(&disk, command(&home, "ABC123"), Some((point, kind)));
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
    // The few points of the short form may all lie elsewhere.
    assert!(form == Form::Short || 0 < begun, "no deletion was cut off in the middle");
    assert!(faults.is_empty(), "{} of {tried}: {faults:#?}", faults.len());
}
