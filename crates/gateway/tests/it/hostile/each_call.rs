//! A process that ends, or whose disk fails, at any one of the calls by which it changes a file.
//! The next start has all that was acknowledged, and `verify` agrees.

use std::process::Command;

use super::{
    Form, HostileRandom, SMALL_RESERVE, UNLIMITED, copy_directory, figure,
    preload::{CallFault, ENDED_BY_FAULT, WatchedDisk},
    report,
};
use crate::{
    serving::{Home, Serving, finish},
    stored::StoredProfiles,
    wire::{Connection, RawRequest},
};

/// Stores to begin with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Beginning {
    /// No data directory.
    Nothing,
    /// A store that was stopped.
    Stopped,
    /// A store whose process was killed.
    Killed,
}

const BEGINNINGS: [Beginning; 3] = [Beginning::Nothing, Beginning::Stopped, Beginning::Killed];

/// What a process does while its disk fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Action {
    /// Starts, takes some requests, stops.
    Serve,
    Verify,
    Compact,
}

const ACTIONS: [Action; 3] = [Action::Serve, Action::Verify, Action::Compact];

/// Requests of a process that serves.
const REQUESTS: usize = 12;

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

/// Sends requests from this number on until one is not accepted. Returns how many were.
fn send_some(gateway: &Serving, from: usize) -> usize {
    let Ok(mut connection) = Connection::try_open(gateway.clients) else { return 0 };
    let accepted = |number: &usize| {
        connection.send(RawRequest::email(&email(*number)).bytes())
            && connection.receive_or_end().is_some_and(|answer| answer.status == 202)
    };
    (from..from + REQUESTS).take_while(accepted).count()
}

/// A store in which this many requests were acknowledged.
fn begin(beginning: Beginning) -> (Home, usize) {
    let home = Home::configured(&format!("{SMALL_RESERVE}{UNLIMITED}"));
    if beginning == Beginning::Nothing {
        return (home, 0);
    }
    let gateway = home.serve();
    let acknowledged = send_some(&gateway, 0);
    assert_eq!(acknowledged, REQUESTS);
    match beginning {
        Beginning::Stopped => gateway.stop().assert_exit(0),
        _ => gateway.kill(),
    }
    (home, acknowledged)
}

/// Lets a process act while its disk fails as told. Returns how many further requests were
/// acknowledged, and whether the fault has ended the process.
fn act(
    home: &Home,
    disk: &WatchedDisk,
    action: Action,
    acknowledged: usize,
    fault: Option<(u64, CallFault)>,
) -> (usize, bool) {
    let mut command = match action {
        Action::Serve => home.serve_command(),
        Action::Verify => home.command(&["verify"]),
        Action::Compact => home.command(&["compact"]),
    };
    if action != Action::Serve {
        command.arg("--data-dir").arg(home.data_dir());
    }
    if action == Action::Compact {
        command.arg("--into").arg(home.data_dir().join("compacted"));
    }
    disk.watch(&mut command, fault);
    match action {
        Action::Serve => serve(command, acknowledged),
        Action::Verify | Action::Compact => {
            let finished = finish(&mut command);
            assert_no_panic(&finished.output);
            (0, finished.status.code() == Some(ENDED_BY_FAULT))
        }
    }
}

/// Serves until the process ends by itself or, if it does not, is told to stop.
fn serve(command: Command, acknowledged: usize) -> (usize, bool) {
    let (further, finished) = match Serving::try_start(command) {
        Err(finished) => (0, finished),
        Ok(gateway) => (send_some(&gateway, acknowledged), gateway.stop_if_running()),
    };
    assert_no_panic(&finished.output);
    (further, finished.status.code() == Some(ENDED_BY_FAULT))
}

#[track_caller]
fn assert_no_panic(output: &str) {
    assert!(!output.contains("panicked"), "{output}");
}

/// What is wrong with the store of a home, if anything.
fn fault_of(home: &Home, acknowledged: usize) -> Option<String> {
    let verified = home.data_dir().exists().then(|| home.verify());
    if let Some(verified) = &verified
        && verified.status.code() != Some(0)
        // The creation was cut off before anything was stored.
        && (0 < acknowledged || !verified.output.contains("there is no store"))
    {
        return Some(format!("verify: {}", verified.output));
    }
    match StoredProfiles::open_directory(&home.data_dir()) {
        Err(error) => Some(format!("open: {error}")),
        Ok(stored) => {
            let lost = (0..acknowledged)
                .filter(|number| stored.by_email("ABC123", &email(*number)).is_none());
            let lost: Vec<usize> = lost.collect();
            (!lost.is_empty()).then(|| format!("lost: {lost:?}"))
        }
    }
}

/// Calls at which the disk fails: all of them, or some that are spread evenly.
fn points(calls: u64, most: u64, random: &mut HostileRandom) -> Vec<u64> {
    if calls <= most {
        return (1..=calls).collect();
    }
    let first = random.next() % calls;
    (0..most).map(|number| 1 + (first + number * calls) / most).collect()
}

#[test]
fn a_process_that_ends_or_fails_at_any_call_to_the_disk_loses_nothing() {
    let form = Form::asked();
    let mut random = HostileRandom::seeded("each_call");
    let (mut faults, mut tried) = (Vec::new(), 0);
    for beginning in BEGINNINGS {
        let (original, acknowledged) = begin(beginning);
        for action in ACTIONS {
            if beginning == Beginning::Nothing && action != Action::Serve {
                continue;
            }
            let fresh = || {
                let home = Home::configured(&format!("{SMALL_RESERVE}{UNLIMITED}"));
                if original.data_dir().exists() {
                    copy_directory(&original.data_dir(), &home.data_dir());
                }
                home
            };
            let home = fresh();
            let Some(disk) = WatchedDisk::at(&home.data_dir()) else { return };
            act(&home, &disk, action, acknowledged, None);
            let calls = disk.calls();
            for kind in CallFault::ALL {
                for point in points(calls, form.pick(1, 60), &mut random) {
                    let home = fresh();
                    let disk = WatchedDisk::at(&home.data_dir()).unwrap();
                    let at = Some((point, kind));
                    let (further, _) = act(&home, &disk, action, acknowledged, at);
                    tried += 1;
                    if let Some(fault) = fault_of(&home, acknowledged + further) {
                        let place = format!("{beginning:?}, {action:?}, {kind:?} at {point}");
                        faults.push(format!("{place} of {calls}: {fault}"));
                    }
                }
            }
        }
    }
    figure("calls_that_failed", tried);
    figure("calls_that_failed_not_survived", faults.len());
    report("each_call", format_args!("{tried} points"));
    assert!(faults.is_empty(), "{} of {tried}: {faults:#?}", faults.len());
}
