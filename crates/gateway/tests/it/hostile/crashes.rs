//! Killed at random moments: what was acknowledged is there, and nothing is torn.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use profile_protocol::PropertyName;
use profile_store::{Identifier, Profile};

use super::{Form, HostileRandom, UNLIMITED, Watch, figure, peak_kib, report, wait_until_released};
use crate::{
    serving::{Home, Serving},
    stored::StoredProfiles,
    wire::{Connection, RawRequest, TEST_TIMEOUT},
};

const SENDERS: usize = 8;

/// Requests that update one common profile. Each leaves two properties there, of which a profile
/// may have a thousand.
const REQUESTS_PER_PROFILE: usize = 200;

/// What a request says, all of which goes by its number.
#[derive(Clone, Copy, Debug)]
enum RequestKind {
    /// A new profile.
    Person,
    /// A new device of a new profile.
    Device,
    /// An update of a profile that other senders update, too.
    Shared,
    /// That the device of one earlier request is that of the person of another.
    Merge { person: usize, device: usize },
}

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: usize,
    kind: RequestKind,
    acknowledged: bool,
}

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

fn device(number: usize) -> String {
    format!("device-{number}")
}

impl Sent {
    fn email(&self) -> Option<String> {
        match self.kind {
            RequestKind::Person => Some(email(self.number)),
            RequestKind::Shared => {
                Some(format!("shared{}@example.com", self.number / REQUESTS_PER_PROFILE))
            }
            RequestKind::Merge { person, .. } => Some(email(person)),
            RequestKind::Device => None,
        }
    }

    fn device(&self) -> Option<String> {
        match self.kind {
            RequestKind::Device => Some(device(self.number)),
            RequestKind::Merge { device: number, .. } => Some(device(number)),
            RequestKind::Person | RequestKind::Shared => None,
        }
    }

    /// Says two things that no other request says: both are kept, or neither.
    fn request(&self) -> RawRequest {
        let number = self.number;
        let email = self.email().map(|email| format!(r#""email":"{email}","#));
        let device = self.device().map(|device| format!(r#""anonymous_id":"{device}","#));
        let (email, device) = (email.unwrap_or_default(), device.unwrap_or_default());
        let properties = format!(r#""properties":{{"a{number}":{number},"z{number}":{number}}}"#);
        let attributes = format!("{email}{device}{properties}");
        RawRequest::profile(format!(
            r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#
        ))
    }
}

/// Senders that write as fast as they are answered, until the gateway is gone.
#[derive(Debug, Default)]
struct CrashLoad {
    acknowledged: AtomicUsize,
    enough: AtomicBool,
    sent: Mutex<Vec<Sent>>,
}

/// Sets what it holds when it goes, also when a test fails meanwhile: the senders
/// would go on for ever.
struct StopLoadOnDrop<'a>(&'a AtomicBool);

impl Drop for StopLoadOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl CrashLoad {
    fn during(
        &self,
        gateway: &Serving,
        numbers: &AtomicUsize,
        random: &mut HostileRandom,
        meanwhile: impl FnOnce(&mut HostileRandom),
    ) {
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                let (connection, own) = (gateway.connect(), random.fork());
                scope.spawn(move || self.send(connection, numbers, own));
            }
            let _ends = StopLoadOnDrop(&self.enough);
            meanwhile(random);
        });
    }

    fn send(&self, mut connection: Connection, numbers: &AtomicUsize, mut random: HostileRandom) {
        let (mut people, mut devices) = (Vec::new(), Vec::new());
        let mut last = true;
        while last && !self.enough.load(Ordering::Relaxed) {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            let kind = match (random.below(4), devices.pop()) {
                (0, Some(device)) if !people.is_empty() => {
                    RequestKind::Merge { person: people[random.below(people.len())], device }
                }
                (1, _) => RequestKind::Device,
                (2, _) => RequestKind::Shared,
                _ => RequestKind::Person,
            };
            let mut sent = Sent { number, kind, acknowledged: false };
            if connection.send(sent.request().bytes())
                && let Some(answer) = connection.receive_or_end()
            {
                answer.assert_accepted();
                sent.acknowledged = true;
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            match kind {
                RequestKind::Person => people.push(number),
                RequestKind::Device => devices.push(number),
                RequestKind::Shared | RequestKind::Merge { .. } => {}
            }
            self.sent.lock().unwrap().push(sent);
            last = sent.acknowledged;
        }
    }

    fn wait_for(&self, count: usize) {
        let watch = Watch::start();
        while self.acknowledged.load(Ordering::Relaxed) < count {
            assert!(
                watch.elapsed() < TEST_TIMEOUT,
                "{count} requests take longer than {TEST_TIMEOUT:?}"
            );
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// What is found of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum StoredState {
    All,
    Nothing,
    Torn,
}

/// Profiles that were read already, since many requests are about the same.
#[derive(Default)]
struct Read {
    profiles: HashMap<Identifier, Option<Profile>>,
}

impl Read {
    fn profile(&mut self, stored: &StoredProfiles, identifier: Identifier) -> Option<&Profile> {
        let find = |identifier: &Identifier| stored.find("ABC123", identifier);
        let found = self.profiles.entry(identifier);
        found.or_insert_with_key(find).as_ref()
    }

    fn find(&mut self, stored: &StoredProfiles, sent: &Sent) -> StoredState {
        let email = sent.email().map(|email| Identifier::Email(email.parse().unwrap()));
        let device = sent.device().map(|device| Identifier::AnonymousId(device.parse().unwrap()));
        let identifiers: Vec<Identifier> = email.into_iter().chain(device).collect();
        let marks: Vec<bool> = identifiers
            .into_iter()
            .flat_map(|identifier| marks(self.profile(stored, identifier), sent.number))
            .collect();
        match (marks.iter().all(|mark| *mark), marks.iter().any(|mark| *mark)) {
            (true, _) => StoredState::All,
            (false, false) => StoredState::Nothing,
            (false, true) => StoredState::Torn,
        }
    }
}

/// Whether a profile has the one and the other thing that a request says.
fn marks(profile: Option<&Profile>, number: usize) -> [bool; 2] {
    ["a", "z"].map(|mark| {
        let name: PropertyName = format!("{mark}{number}").parse().unwrap();
        let value = profile.and_then(|profile| profile.attributes.properties.value(&name));
        value.is_some_and(|value| value.as_json() == number.to_string())
    })
}

/// The requests that are lost, and those that are torn.
fn missing<'a>(stored: &StoredProfiles, all: &'a [Sent]) -> [Vec<&'a Sent>; 2] {
    let mut read = Read::default();
    let found = all.iter().map(|sent| (sent, read.find(stored, sent)));
    let (mut lost, mut torn) = (Vec::new(), Vec::new());
    for (sent, found) in found {
        match found {
            StoredState::Torn => torn.push(sent),
            StoredState::Nothing if sent.acknowledged => lost.push(sent),
            // A request without a response need not be stored.
            StoredState::All | StoredState::Nothing => {}
        }
    }
    [lost, torn]
}

/// Fails with the requests that are lost or torn.
#[track_caller]
fn assert_kept(stored: &StoredProfiles, all: &[Sent]) {
    let [lost, torn] = missing(stored, all);
    figure("writes_lost", lost.len());
    figure("writes_torn", torn.len());
    let count = all.len();
    assert!(lost.is_empty() && torn.is_empty(), "of {count} lost: {lost:?}, torn: {torn:?}");
}

/// Starts a gateway and kills it before it serves, or soon after.
fn stillborn(home: &Home, random: &mut HostileRandom) {
    let mut process = home.serve_command();
    let process = process.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut process = process.spawn().unwrap();
    thread::sleep(Duration::from_micros(random.below(40_000) as u64));
    process.kill().unwrap();
    process.wait().unwrap();
}

/// One run: load for a random time, then the end. Returns the requests, and the peak memory of the
/// process.
fn live_and_die(
    home: &Home,
    numbers: &AtomicUsize,
    random: &mut HostileRandom,
) -> (Vec<Sent>, u64) {
    let gateway = home.serve();
    let load = CrashLoad::default();
    let mut peak = 0;
    load.during(&gateway, numbers, random, |random| {
        load.wait_for(1 + random.below(600));
        // Anywhere in a batch, its write and its flush.
        thread::sleep(Duration::from_micros(random.below(20_000) as u64));
        peak = peak_kib(&gateway);
        gateway.signal("KILL");
    });
    assert!(!gateway.wait().status.success());
    (load.sent.into_inner().unwrap(), peak)
}

#[test]
fn what_was_acknowledged_survives_kill_after_kill_and_nothing_is_torn() {
    let form = Form::asked();
    let mut random = HostileRandom::seeded("crashes");
    let home = Home::configured(UNLIMITED);
    let (cycles, numbers) = (form.pick(4, 60), AtomicUsize::new(0));
    let (mut all, mut peak) = (Vec::new(), 0);
    for cycle in 0..cycles {
        let (sent, memory) = live_and_die(&home, &numbers, &mut random);
        peak = peak.max(memory);
        if cycle % 3 == 1 {
            stillborn(&home, &mut random);
            wait_until_released(&home);
        }
        let verified = home.verify();
        verified.assert_exit(0);
        verified.assert_output("every invariant holds");
        wait_until_released(&home);
        figure("kill_cycles", 1);
        figure("kill_writes_acknowledged", sent.iter().filter(|sent| sent.acknowledged).count());
        assert_kept(&StoredProfiles::open(&home), &sent);
        wait_until_released(&home);
        all.extend(sent);
    }
    // What an earlier life left must survive the later ones.
    assert_kept(&StoredProfiles::open(&home), &all);
    let acknowledged = all.iter().filter(|sent| sent.acknowledged).count();
    let merges = all.iter().filter(|sent| matches!(sent.kind, RequestKind::Merge { .. })).count();
    report(
        "crashes",
        format_args!(
            "{cycles} cycles, {acknowledged} writes acknowledged ({merges} merges sent), 0 lost, \
             0 torn, peak {} MiB",
            peak / 1024
        ),
    );
    assert!(cycles <= acknowledged && 0 < merges);
}
