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

use super::{Chance, Form, UNLIMITED, Watch, figure, peak_kib, told, wait_until_let_go};
use crate::{
    serving::{Home, Serving},
    stored::Stored,
    wire::{Connection, PATIENCE, Request},
};

const SENDERS: usize = 8;

/// Requests that share a person whom everybody updates. Each leaves two
/// properties there, of which a profile may have a thousand.
const SHARE: usize = 200;

/// What a request says, all of which goes by its number.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A person nobody knew.
    Person,
    /// A device nobody knew, of a person nobody knows.
    Device,
    /// More about somebody whom other senders write about, too.
    Shared,
    /// That the device of one earlier request is that of the person of another.
    Merge { person: usize, device: usize },
}

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: usize,
    kind: Kind,
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
            Kind::Person => Some(email(self.number)),
            Kind::Shared => Some(format!("shared{}@example.com", self.number / SHARE)),
            Kind::Merge { person, .. } => Some(email(person)),
            Kind::Device => None,
        }
    }

    fn device(&self) -> Option<String> {
        match self.kind {
            Kind::Device => Some(device(self.number)),
            Kind::Merge { device: number, .. } => Some(device(number)),
            Kind::Person | Kind::Shared => None,
        }
    }

    /// Says two things that no other request says: both are kept, or neither.
    fn request(&self) -> Request {
        let number = self.number;
        let email = self.email().map(|email| format!(r#""email":"{email}","#));
        let device = self.device().map(|device| format!(r#""anonymous_id":"{device}","#));
        let (email, device) = (email.unwrap_or_default(), device.unwrap_or_default());
        let properties = format!(r#""properties":{{"a{number}":{number},"z{number}":{number}}}"#);
        let attributes = format!("{email}{device}{properties}");
        Request::profile(format!(
            r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#
        ))
    }
}

/// Senders that write as fast as they are answered, until the gateway is gone.
#[derive(Debug, Default)]
struct Load {
    acknowledged: AtomicUsize,
    enough: AtomicBool,
    sent: Mutex<Vec<Sent>>,
}

/// Sets what it holds when it goes, also when a test fails meanwhile: the senders
/// would go on for ever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Load {
    fn during(
        &self,
        gateway: &Serving,
        numbers: &AtomicUsize,
        chance: &mut Chance,
        meanwhile: impl FnOnce(&mut Chance),
    ) {
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                let (connection, own) = (gateway.connect(), chance.fork());
                scope.spawn(move || self.send(connection, numbers, own));
            }
            let _ends = Ends(&self.enough);
            meanwhile(chance);
        });
    }

    fn send(&self, mut connection: Connection, numbers: &AtomicUsize, mut chance: Chance) {
        let (mut people, mut devices) = (Vec::new(), Vec::new());
        let mut last = true;
        while last && !self.enough.load(Ordering::Relaxed) {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            let kind = match (chance.below(4), devices.pop()) {
                (0, Some(device)) if !people.is_empty() => {
                    Kind::Merge { person: people[chance.below(people.len())], device }
                }
                (1, _) => Kind::Device,
                (2, _) => Kind::Shared,
                _ => Kind::Person,
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
                Kind::Person => people.push(number),
                Kind::Device => devices.push(number),
                Kind::Shared | Kind::Merge { .. } => {}
            }
            self.sent.lock().unwrap().push(sent);
            last = sent.acknowledged;
        }
    }

    fn wait_for(&self, count: usize) {
        let watch = Watch::start();
        while self.acknowledged.load(Ordering::Relaxed) < count {
            assert!(watch.elapsed() < PATIENCE, "{count} requests take longer than {PATIENCE:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// What is found of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Found {
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
    fn profile(&mut self, stored: &Stored, identifier: Identifier) -> Option<&Profile> {
        let find = |identifier: &Identifier| stored.find("ABC123", identifier);
        let found = self.profiles.entry(identifier);
        found.or_insert_with_key(find).as_ref()
    }

    fn find(&mut self, stored: &Stored, sent: &Sent) -> Found {
        let email = sent.email().map(|email| Identifier::Email(email.parse().unwrap()));
        let device = sent.device().map(|device| Identifier::AnonymousId(device.parse().unwrap()));
        let identifiers: Vec<Identifier> = email.into_iter().chain(device).collect();
        let marks: Vec<bool> = identifiers
            .into_iter()
            .flat_map(|identifier| marks(self.profile(stored, identifier), sent.number))
            .collect();
        match (marks.iter().all(|mark| *mark), marks.iter().any(|mark| *mark)) {
            (true, _) => Found::All,
            (false, false) => Found::Nothing,
            (false, true) => Found::Torn,
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
fn missing<'a>(stored: &Stored, all: &'a [Sent]) -> [Vec<&'a Sent>; 2] {
    let mut read = Read::default();
    let found = all.iter().map(|sent| (sent, read.find(stored, sent)));
    let (mut lost, mut torn) = (Vec::new(), Vec::new());
    for (sent, found) in found {
        match found {
            Found::Torn => torn.push(sent),
            Found::Nothing if sent.acknowledged => lost.push(sent),
            // Who was told nothing need not be there.
            Found::All | Found::Nothing => {}
        }
    }
    [lost, torn]
}

/// Fails with the requests that are lost or torn.
#[track_caller]
fn assert_kept(stored: &Stored, all: &[Sent]) {
    let [lost, torn] = missing(stored, all);
    figure("writes_lost", lost.len());
    figure("writes_torn", torn.len());
    let count = all.len();
    assert!(lost.is_empty() && torn.is_empty(), "of {count} lost: {lost:?}, torn: {torn:?}");
}

/// Starts a gateway and kills it before it serves, or soon after.
fn stillborn(home: &Home, chance: &mut Chance) {
    let mut process = home.serve_command();
    let process = process.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut process = process.spawn().unwrap();
    thread::sleep(Duration::from_micros(chance.below(40_000) as u64));
    process.kill().unwrap();
    process.wait().unwrap();
}

/// One life: load, a moment of chance, the end. Returns what was sent, and the
/// most memory the process had.
fn live_and_die(home: &Home, numbers: &AtomicUsize, chance: &mut Chance) -> (Vec<Sent>, u64) {
    let gateway = home.serve();
    let load = Load::default();
    let mut peak = 0;
    load.during(&gateway, numbers, chance, |chance| {
        load.wait_for(1 + chance.below(600));
        // Anywhere in a batch, its write and its flush.
        thread::sleep(Duration::from_micros(chance.below(20_000) as u64));
        peak = peak_kib(&gateway);
        gateway.signal("KILL");
    });
    assert!(!gateway.wait().status.success());
    (load.sent.into_inner().unwrap(), peak)
}

#[test]
fn what_was_acknowledged_survives_kill_after_kill_and_nothing_is_torn() {
    let form = Form::asked();
    let mut chance = Chance::seeded("crashes");
    let home = Home::configured(UNLIMITED);
    let (cycles, numbers) = (form.pick(4, 60), AtomicUsize::new(0));
    let (mut all, mut peak) = (Vec::new(), 0);
    for cycle in 0..cycles {
        let (sent, memory) = live_and_die(&home, &numbers, &mut chance);
        peak = peak.max(memory);
        if cycle % 3 == 1 {
            stillborn(&home, &mut chance);
            wait_until_let_go(&home);
        }
        let verified = home.verify();
        verified.assert_exit(0);
        verified.assert_told("every invariant holds");
        wait_until_let_go(&home);
        figure("kill_cycles", 1);
        figure("kill_writes_acknowledged", sent.iter().filter(|sent| sent.acknowledged).count());
        assert_kept(&Stored::open(&home), &sent);
        wait_until_let_go(&home);
        all.extend(sent);
    }
    // What an earlier life left must survive the later ones.
    assert_kept(&Stored::open(&home), &all);
    let acknowledged = all.iter().filter(|sent| sent.acknowledged).count();
    let merges = all.iter().filter(|sent| matches!(sent.kind, Kind::Merge { .. })).count();
    told(
        "crashes",
        format_args!(
            "{cycles} cycles, {acknowledged} writes acknowledged ({merges} merges sent), 0 lost, \
             0 torn, peak {} MiB",
            peak / 1024
        ),
    );
    assert!(cycles <= acknowledged && 0 < merges);
}
