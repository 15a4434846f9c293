//! A process that ends, or whose disk fails, at any one of the calls by which it changes a file.
//! The next start has all that was acknowledged, and `verify` agrees.

use std::{fs, process::Command};

use profile_store_suite::archived_store;

use super::{
    Form, HostileRandom, NO_MARKS, SMALL_RESERVE, UNLIMITED, copy_directory,
    disk::Small,
    figure,
    preload::{CallFault, ENDED_BY_FAULT, WatchedDisk},
    report, wait_until_released,
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
    /// A store of several processes, in turn stopped and killed, with larger profiles.
    Used,
    /// A store that an earlier release left, in an older layout and in sled.
    OlderLayout,
    /// A store on a disk with hardly any free space.
    NearlyFull,
}

impl Beginning {
    const ALL: [Beginning; 6] = [
        Beginning::Nothing,
        Beginning::Stopped,
        Beginning::Killed,
        Beginning::Used,
        Beginning::OlderLayout,
        Beginning::NearlyFull,
    ];

    fn actions(self) -> &'static [Action] {
        match self {
            Beginning::Nothing => &[Action::Serve],
            Beginning::Stopped
            | Beginning::Killed
            | Beginning::Used
            | Beginning::OlderLayout
            | Beginning::NearlyFull => &[Action::Serve, Action::Verify, Action::Compact],
        }
    }
}

/// What a process does while its disk fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Action {
    /// Starts, takes some requests, stops.
    Serve,
    Verify,
    Compact,
}

/// Requests of a process that serves.
const REQUESTS: usize = 12;

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

fn request(number: usize, bytes: usize) -> RawRequest {
    let (email, text) = (email(number), "x".repeat(bytes));
    let attributes = format!(r#""email":"{email}","properties":{{"text":"{text}"}}"#);
    RawRequest::profile(format!(r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#))
}

/// Sends requests from this number on until one is not accepted. Returns how many were.
fn send_some(gateway: &Serving, from: usize, bytes: usize) -> usize {
    let Ok(mut connection) = Connection::try_open(gateway.clients) else { return 0 };
    let accepted = |number: &usize| {
        connection.send(request(*number, bytes).bytes())
            && connection.receive_or_end().is_some_and(|answer| answer.status == 202)
    };
    (from..from + REQUESTS).take_while(accepted).count()
}

/// A store to begin with, and what it has.
struct Original {
    beginning: Beginning,
    home: Home,
    /// How many requests were acknowledged.
    acknowledged: usize,
    /// How many profiles it has.
    profiles: u64,
}

/// A copy of a store, for one process.
struct Fresh {
    home: Home,
    /// The disk under it, if it is a small one.
    small: Option<Small>,
}

impl Fresh {
    /// Removes from a small disk what is not of the store.
    fn make_space(&self) {
        if self.small.is_some() {
            fs::remove_file(self.home.data_dir().join(".ballast")).unwrap();
            let compacted = self.home.data_dir().join("compacted");
            if compacted.exists() {
                fs::remove_dir_all(compacted).unwrap();
            }
        }
    }
}

fn home() -> Home {
    Home::configured(&format!("{SMALL_RESERVE}{NO_MARKS}{UNLIMITED}"))
}

impl Original {
    fn new(beginning: Beginning) -> Original {
        let home = home();
        let kills: &[bool] = match beginning {
            Beginning::Nothing | Beginning::OlderLayout => &[],
            Beginning::Stopped | Beginning::NearlyFull => &[false],
            Beginning::Killed => &[true],
            Beginning::Used => &[false, true, true, false, true],
        };
        let bytes = if beginning == Beginning::Used { 20_000 } else { 1 };
        if beginning == Beginning::OlderLayout {
            fs::create_dir(home.data_dir()).unwrap();
            archived_store::unpack("killed", &home.data_dir());
        }
        let mut acknowledged = 0;
        for is_kill in kills {
            let gateway = home.serve();
            acknowledged += send_some(&gateway, acknowledged, bytes);
            if *is_kill {
                gateway.kill();
            } else {
                gateway.stop().assert_exit(0);
            }
            wait_until_released(&home);
        }
        assert_eq!(acknowledged, kills.len() * REQUESTS);
        let mut original = Original { beginning, home, acknowledged, profiles: 0 };
        if beginning != Beginning::Nothing {
            let Some(fresh) = original.fresh() else { return original };
            let stored = StoredProfiles::open(&fresh.home);
            original.profiles = stored.audit().profiles;
        }
        original
    }

    /// `None` on a machine that does not let a test mount a small disk.
    fn fresh(&self) -> Option<Fresh> {
        let fresh = home();
        let small = if self.beginning == Beginning::NearlyFull {
            Some(Small::mount(&fresh.data_dir(), 24)?)
        } else {
            None
        };
        if self.home.data_dir().exists() {
            copy_directory(&self.home.data_dir(), &fresh.data_dir());
        }
        if let Some(small) = &small {
            small.fill(6);
        }
        Some(Fresh { home: fresh, small })
    }
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
        Ok(gateway) => (send_some(&gateway, acknowledged, 1), gateway.stop_if_running()),
    };
    assert_no_panic(&finished.output);
    (further, finished.status.code() == Some(ENDED_BY_FAULT))
}

#[track_caller]
fn assert_no_panic(output: &str) {
    assert!(!output.contains("panicked"), "{output}");
}

/// What is wrong with the store of a home, if anything. It had `profiles` before the last requests
/// of the `acknowledged` ones, each of which made one.
fn fault_of(home: &Home, acknowledged: usize, profiles: u64) -> Option<String> {
    let verified = home.data_dir().exists().then(|| home.verify());
    if let Some(verified) = &verified
        && verified.status.code() != Some(0)
        // The creation was cut off before anything was stored.
        && (0 < acknowledged + usize::try_from(profiles).unwrap() || !verified.output.contains("there is no store"))
    {
        return Some(format!("verify: {}", verified.output));
    }
    match StoredProfiles::open_directory(&home.data_dir()) {
        Err(error) => Some(format!("open: {error}")),
        Ok(stored) => {
            let lost = (0..acknowledged)
                .filter(|number| stored.by_email("ABC123", &email(*number)).is_none());
            let lost: Vec<usize> = lost.collect();
            let found = stored.audit().profiles;
            (!lost.is_empty() || found < profiles)
                .then(|| format!("lost: {lost:?}; {found} of {profiles} profiles"))
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

/// The kinds of faults that are tried with a store and an action.
fn kinds(form: Form, random: &mut HostileRandom) -> Vec<CallFault> {
    let mut kinds = CallFault::ALL.to_vec();
    if form == Form::Short {
        // All of them over several runs.
        let first = random.below(kinds.len());
        kinds.rotate_left(first);
        kinds.truncate(2);
    }
    kinds
}

/// What was tried, and what was not survived.
#[derive(Default)]
struct Tally {
    tried: usize,
    faults: Vec<String>,
}

impl Tally {
    /// Lets an action fail at one call.
    fn try_at(&mut self, original: &Original, action: Action, fault: (u64, CallFault)) {
        let Some(fresh) = original.fresh() else { return };
        let home = &fresh.home;
        let disk = WatchedDisk::at(&home.data_dir()).unwrap();
        let (further, _) = act(home, &disk, action, original.acknowledged, Some(fault));
        self.tried += 1;
        fresh.make_space();
        let profiles = original.profiles + further as u64;
        if let Some(found) = fault_of(home, original.acknowledged + further, profiles) {
            let (beginning, (point, kind)) = (original.beginning, fault);
            self.faults.push(format!("{beginning:?}, {action:?}, {kind:?} at {point}: {found}"));
        }
    }
}

#[test]
fn a_process_that_ends_or_fails_at_any_call_to_the_disk_loses_nothing() {
    let form = Form::asked();
    let mut random = HostileRandom::seeded("each_call");
    let mut tally = Tally::default();
    for beginning in Beginning::ALL {
        let original = Original::new(beginning);
        for &action in beginning.actions() {
            let Some(fresh) = original.fresh() else { continue };
            let Some(disk) = WatchedDisk::at(&fresh.home.data_dir()) else { return };
            act(&fresh.home, &disk, action, original.acknowledged, None);
            let calls = disk.calls();
            for kind in kinds(form, &mut random) {
                for point in points(calls, form.pick(1, 40), &mut random) {
                    tally.try_at(&original, action, (point, kind));
                }
            }
        }
    }
    let Tally { tried, faults } = tally;
    figure("calls_that_failed", tried);
    figure("calls_that_failed_not_survived", faults.len());
    report("each_call", format_args!("{tried} points"));
    assert!(faults.is_empty(), "{} of {tried}: {faults:#?}", faults.len());
}
