//! A client whose requests are weighed: the bytes that it sends, and those that a store writes for
//! them.
//!
//! A byte that is committed goes to the journal, and to the table at a checkpoint. So it counts
//! twice, although a key that changes again before the checkpoint goes to the table once.

use std::{
    fmt::Display,
    iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use profile_protocol::{
    ProfileRequest, PushTokenDetails, PushTokenRegistration, RequestParts, Revision,
};
use profile_store::{
    Caller, Claims, Durability, Intent, InvalidToken, Outcome, Placeholders, RequestSender,
    SenderDigest, Submission,
    engine::{BatchId, BoxFuture, CommitError, MemoryEngine, Session, Write},
};

use crate::{
    harness::StoreHarness,
    random::Choices,
    wrapped_engine::{EngineHooks, WrappedEngine},
};

/// The bound for requests of clients in any sequence: bytes written for each byte sent.
pub const WRITTEN_BYTES_PER_BYTE: f64 = 20.0;

/// The shortest head that the client endpoint accepts. Every request has one.
const HEAD: &str = "POST /client/profiles?company_id=DEMO01 HTTP/1.1\r\nhost: a\r\n\
    revision: 2025-10-15\r\ncontent-type: application/vnd.api+json\r\ncontent-length: 100\r\n\r\n";

/// The size of a property with which few of them fill a profile.
pub const LONG: usize = 24_000;

/// Counts the bytes of keys and values that are committed.
#[derive(Clone, Default)]
struct CountsWritten(Arc<AtomicUsize>);

impl EngineHooks for CountsWritten {
    fn commit(
        engine: WrappedEngine<CountsWritten>,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        let bytes = |write: &Write| write.key.len() + write.value.as_ref().map_or(0, Vec::len);
        let bytes = writes.iter().map(bytes).sum();
        engine.hooks.0.fetch_add(bytes, Ordering::SeqCst);
        session.commit(batch, writes, durability)
    }
}

/// A client that sends requests to a store, one after the other.
pub struct MeteredClient {
    harness: StoreHarness,
    written: Arc<AtomicUsize>,
    sent: usize,
    /// Where the requests come from.
    pub sender: RequestSender,
}

impl Default for MeteredClient {
    fn default() -> MeteredClient {
        let hooks = CountsWritten::default();
        let written = Arc::clone(&hooks.0);
        let engine = WrappedEngine { inner: Arc::new(MemoryEngine::new()), hooks };
        let harness = StoreHarness::over(Arc::new(engine));
        let client = MeteredClient { harness, written, sent: 0, sender: RequestSender::default() };
        client.written.store(0, Ordering::SeqCst);
        client
    }
}

impl MeteredClient {
    /// Sends the members of a request's `data` after its type.
    pub fn send(&mut self, members: &str) -> Outcome {
        let body = format!(r#"{{"data":{{"type":"profile",{members}}}}}"#);
        self.sent += HEAD.len() + body.len();
        let request = ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap();
        self.submit(request, None)
    }

    /// Sends a push token of this profile, with these members besides the required ones.
    pub fn push(&mut self, token: &str, identifiers: &str, members: &str) -> Outcome {
        let profile = format!(r#"{{"data":{{"type":"profile","attributes":{{{identifiers}}}}}}}"#);
        let body = format!(
            r#"{{"data":{{"type":"push-token","attributes":{{"token":"{token}","platform":"ios","vendor":"apns","profile":{profile}{members}}}}}}}"#
        );
        self.sent += HEAD.len() + body.len();
        let read = PushTokenRegistration::parse(body.as_bytes(), Revision::LATEST).unwrap();
        self.submit(read.profile, Some(Box::new(read.details)))
    }

    fn submit(
        &mut self,
        request: ProfileRequest,
        push_token: Option<Box<PushTokenDetails>>,
    ) -> Outcome {
        let unsealed = |_: &_| Err(InvalidToken::Unsealed);
        let placeholders = Placeholders::default();
        let claims =
            Claims::from_request(request.parts(), Caller::Client, &placeholders, unsealed).unwrap();
        let RequestParts { revision, cleared, secondary_emails, patch, .. } = request.into_parts();
        self.harness
            .submit(Submission {
                company: self.harness.company.clone(),
                caller: Caller::Client,
                intent: Intent::Upsert,
                revision,
                request_ids: None,
                sender: self.sender,
                claims,
                leaving_emails: secondary_emails.unappend,
                cleared,
                patch,
                push_token,
                settings: Arc::clone(&self.harness.settings),
            })
            .unwrap()
    }

    /// Sends attributes.
    pub fn write(&mut self, identifiers: &str, properties: &str) -> Outcome {
        self.send(&format!(r#""attributes":{{{identifiers},"properties":{{{properties}}}}}"#))
    }

    /// Sends identifiers and nothing else.
    pub fn name(&mut self, identifiers: &str) -> Outcome {
        self.send(&format!(r#""attributes":{{{identifiers}}}"#))
    }

    /// Fills a profile to the limit of clients.
    pub fn fill(&mut self, identifier: &str) {
        self.fill_by(identifier, LONG);
    }

    /// The same by properties of this size.
    pub fn fill_by(&mut self, identifier: &str, size: usize) {
        for number in 0..10 * LONG / size {
            let long = format!(r#""p{number}":"{}""#, repeated(letter(number), size));
            self.write(identifier, &long);
        }
    }

    /// Bytes written for each byte sent since the last restart of the counts.
    pub fn ratio(&self) -> f64 {
        let written = 2 * self.written.load(Ordering::SeqCst);
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let ratio = written as f64 / self.sent.max(1) as f64;
        ratio
    }

    /// Counts from now on.
    pub fn restart(&mut self) {
        self.written.store(0, Ordering::SeqCst);
        self.sent = 0;
    }

    /// Panics if an audit finds anything wrong.
    pub fn assert_sound(&self) {
        self.harness.assert_sound();
    }

    /// Bytes written for each byte sent, of a store that is sound.
    pub fn measured(self, name: &str) -> f64 {
        let ratio = self.ratio();
        println!("{name}: {ratio:.1} bytes for each byte");
        self.harness.assert_sound();
        ratio
    }
}

/// The members of a body that name an address.
pub fn email(name: impl Display) -> String {
    format!(r#""email":"{name}@example.com""#)
}

/// The members that name a device.
pub fn device(name: impl Display) -> String {
    format!(r#""anonymous_id":"device {name}""#)
}

/// The members that name a phone number.
pub fn phone(number: usize) -> String {
    format!(r#""phone_number":"+1500555{number:04}""#)
}

/// The members that name an external id.
pub fn external_id(number: usize) -> String {
    format!(r#""external_id":"customer {number}""#)
}

/// A letter for each number.
pub fn letter(number: usize) -> char {
    char::from(b'a' + u8::try_from(number % 26).unwrap())
}

/// A text of one letter.
pub fn repeated(letter: char, count: usize) -> String {
    iter::repeat_n(letter, count).collect()
}

/// The people whom a random sequence names.
const PEOPLE: usize = 3;

/// The members that name a person by the kind of this rank. Each kind has less authority than the
/// next one.
fn by_rank(person: usize, rank: usize) -> String {
    match rank {
        0 => device(person),
        1 => phone(person),
        2 => email(person),
        _ => external_id(person),
    }
}

impl MeteredClient {
    /// One step of a sequence that is to make the store write much: some requests that fill a
    /// profile, merge it, or change a part of it.
    pub fn step(&mut self, choices: &mut impl Choices) {
        let (person, rank) = (choices.index(PEOPLE), choices.index(4));
        let named = by_rank(person, rank);
        match choices.below(12) {
            0 => self.fill_by(&named, [LONG, 4_800, 1_200][choices.index(3)]),
            1 => self.merge_upwards(person, rank.min(2), choices),
            2 if rank != 0 => {
                self.name(&format!("{named},{}", device(choices.index(40))));
            }
            3 => drop(self.send(&format!(r#""attributes":{{{named},"properties":null}}"#))),
            4 => self.append(&named, choices),
            5 => drop(self.push(&format!("t{}", choices.index(4)), &named, "")),
            6 => self.locate(&named, choices.index(2_000)),
            7 => self.sender.network = Some(SenderDigest::from_bits(choices.below(4))),
            8 if rank != 0 => {
                let other = by_rank(choices.index(PEOPLE), choices.index(rank));
                self.name(&format!("{named},{other}"));
            }
            _ => self.change(&named, choices),
        }
    }

    /// Gives a person an identifier of higher authority, whose new profile absorbs the old one.
    fn merge_upwards(&mut self, person: usize, rank: usize, choices: &mut impl Choices) {
        let (lower, higher) = (by_rank(person, rank), by_rank(person, rank + 1));
        if choices.once_in(2) {
            self.name(&higher);
        } else {
            self.change(&higher, choices);
        }
        self.name(&format!("{higher},{lower}"));
    }

    fn change(&mut self, named: &str, choices: &mut impl Choices) {
        let (property, bytes) = (choices.index(60), choices.index(250));
        let value = repeated(letter(bytes), bytes);
        self.write(named, &format!(r#""p{property}":"{value}""#));
    }

    fn append(&mut self, named: &str, choices: &mut impl Choices) {
        let mut elements = || -> Vec<usize> {
            let count = choices.index(6);
            (0..count).map(|_| choices.index(99)).collect()
        };
        let (added, removed) = (elements(), elements());
        self.send(&format!(
            r#""attributes":{{{named}}},"meta":{{"patch_properties":{{"append":{{"list":{added:?}}},
            "unappend":{{"list":{removed:?}}}}}}}"#
        ));
    }

    fn locate(&mut self, named: &str, bytes: usize) {
        let city = repeated('x', bytes.max(1));
        self.send(&format!(r#""attributes":{{{named},"location":{{"city":"{city}"}}}}"#));
    }
}
