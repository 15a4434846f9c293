//! Senders that write until the gateway is gone, and what is found of it afterwards.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use profile_protocol::PropertyName;
use profile_store::{Identifier, Profile};

use super::{HostileRandom, Watch, figure};
use crate::{
    serving::Serving,
    stop_flag::StopFlag,
    stored::StoredProfiles,
    wire::{Connection, RawRequest, TEST_TIMEOUT},
};

const SENDERS: usize = 8;

/// Requests that update one common profile. Each leaves two properties there, of which a profile
/// may have a thousand.
const REQUESTS_PER_PROFILE: usize = 200;

/// What a request says, all of which goes by its number.
#[derive(Clone, Copy, Debug)]
pub(super) enum RequestKind {
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
pub(super) struct Sent {
    number: usize,
    pub(super) kind: RequestKind,
    /// Bytes of a property that only takes up space.
    padding: usize,
    /// The length of the recording of the disk when the response arrived, or 0 without a recording.
    pub(super) acknowledged: Option<u64>,
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
        let padding = match self.padding {
            0 => String::new(),
            bytes => format!(r#","padding":"{}""#, "x".repeat(bytes)),
        };
        let properties =
            format!(r#""properties":{{"a{number}":{number},"z{number}":{number}{padding}}}"#);
        let attributes = format!("{email}{device}{properties}");
        RawRequest::profile(format!(
            r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#
        ))
    }
}

/// Senders that write as fast as they are answered, until the gateway is gone.
#[derive(Debug, Default)]
pub(super) struct CrashLoad {
    /// Bytes that each request has for nothing else.
    padding: usize,
    /// The recording of the disk.
    recording: Option<PathBuf>,
    acknowledged: AtomicUsize,
    enough: StopFlag,
    sent: Mutex<Vec<Sent>>,
}

impl CrashLoad {
    /// A load of requests of some size, on a disk that is recorded.
    pub(super) fn recorded(padding: usize, recording: PathBuf) -> CrashLoad {
        CrashLoad { padding, recording: Some(recording), ..CrashLoad::default() }
    }

    pub(super) fn during(
        &self,
        gateway: &Serving,
        numbers: &AtomicUsize,
        random: &mut HostileRandom,
        meanwhile: impl FnOnce(&mut HostileRandom),
    ) {
        thread::scope(|scope| {
            let _ends = self.enough.set_on_drop();
            for _ in 0..SENDERS {
                let (connection, own) = (gateway.connect(), random.fork());
                scope.spawn(move || self.send(connection, numbers, own));
            }
            meanwhile(random);
        });
    }

    pub(super) fn into_sent(self) -> Vec<Sent> {
        self.sent.into_inner().unwrap()
    }

    fn recording_length(&self) -> u64 {
        self.recording.as_ref().map_or(0, |recording| fs::metadata(recording).unwrap().len())
    }

    fn send(&self, mut connection: Connection, numbers: &AtomicUsize, mut random: HostileRandom) {
        let (mut people, mut devices) = (Vec::new(), Vec::new());
        let mut last = true;
        while last && !self.enough.is_set() {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            let kind = match (random.below(4), devices.pop()) {
                (0, Some(device)) if !people.is_empty() => {
                    RequestKind::Merge { person: people[random.below(people.len())], device }
                }
                (1, _) => RequestKind::Device,
                (2, _) => RequestKind::Shared,
                _ => RequestKind::Person,
            };
            let mut sent = Sent { number, kind, padding: self.padding, acknowledged: None };
            if connection.send(sent.request().bytes())
                && let Some(answer) = connection.receive_or_end()
            {
                answer.assert_accepted();
                sent.acknowledged = Some(self.recording_length());
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            match kind {
                RequestKind::Person => people.push(number),
                RequestKind::Device => devices.push(number),
                RequestKind::Shared | RequestKind::Merge { .. } => {}
            }
            self.sent.lock().unwrap().push(sent);
            last = sent.acknowledged.is_some();
        }
    }

    pub(super) fn wait_for(&self, count: usize) {
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
pub(super) fn missing<'a>(stored: &StoredProfiles, all: &'a [Sent]) -> [Vec<&'a Sent>; 2] {
    let mut read = Read::default();
    let found = all.iter().map(|sent| (sent, read.find(stored, sent)));
    let (mut lost, mut torn) = (Vec::new(), Vec::new());
    for (sent, found) in found {
        match found {
            StoredState::Torn => torn.push(sent),
            StoredState::Nothing if sent.acknowledged.is_some() => lost.push(sent),
            // A request without a response need not be stored.
            StoredState::All | StoredState::Nothing => {}
        }
    }
    [lost, torn]
}

/// Fails with the requests that are lost or torn.
#[track_caller]
pub(super) fn assert_kept(stored: &StoredProfiles, all: &[Sent]) {
    let [lost, torn] = missing(stored, all);
    figure("writes_lost", lost.len());
    figure("writes_torn", torn.len());
    let count = all.len();
    assert!(lost.is_empty() && torn.is_empty(), "of {count} lost: {lost:?}, torn: {torn:?}");
}
