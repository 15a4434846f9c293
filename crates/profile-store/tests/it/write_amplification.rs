//! How many bytes the requests of a client make the store write, for each byte that it sends.
//!
//! A byte that is committed goes to the journal, and to the table at a checkpoint. So it counts
//! twice, although a key that changes again before the checkpoint goes to the table once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use profile_protocol::{
    ProfileRequest, PushTokenDetails, PushTokenRegistration, RequestParts, Revision,
};
use profile_store::{
    Caller, Claims, Durability, Intent, InvalidToken, Outcome, Placeholders, RequestSender,
    SenderDigest, Submission,
    engine::{BatchId, BoxFuture, CommitError, MemoryEngine, Session, Write},
};
use profile_store_suite::{
    engines::check,
    harness::StoreHarness,
    wrapped_engine::{EngineHooks, WrappedEngine},
};
use proptest::{collection::vec, prelude::*};

/// The bound for requests of clients in any sequence.
const BOUND: f64 = 20.0;

/// The shortest head that the client endpoint accepts. Every request has one.
const HEAD: &str = "POST /client/profiles?company_id=DEMO01 HTTP/1.1\r\nhost: a\r\n\
    revision: 2025-10-15\r\ncontent-type: application/vnd.api+json\r\ncontent-length: 100\r\n\r\n";

/// The size of a property with which few of them fill a profile.
const LONG: usize = 24_000;

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
struct MeteredClient {
    harness: StoreHarness,
    written: Arc<AtomicUsize>,
    sent: usize,
    sender: RequestSender,
}

impl MeteredClient {
    fn new() -> MeteredClient {
        let hooks = CountsWritten::default();
        let written = Arc::clone(&hooks.0);
        let engine = WrappedEngine { inner: Arc::new(MemoryEngine::new()), hooks };
        let harness = StoreHarness::over(Arc::new(engine));
        let client = MeteredClient { harness, written, sent: 0, sender: RequestSender::default() };
        client.written.store(0, Ordering::SeqCst);
        client
    }

    /// Sends the members of a request's `data` after its type.
    fn send(&mut self, members: &str) -> Outcome {
        let body = format!(r#"{{"data":{{"type":"profile",{members}}}}}"#);
        self.sent += HEAD.len() + body.len();
        let request = ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap();
        self.submit(request, None)
    }

    /// Sends a push token of this profile, with these members besides the required ones.
    fn push(&mut self, token: &str, identifiers: &str, members: &str) -> Outcome {
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
    fn write(&mut self, identifiers: &str, properties: &str) -> Outcome {
        self.send(&format!(r#""attributes":{{{identifiers},"properties":{{{properties}}}}}"#))
    }

    /// Sends identifiers and nothing else.
    fn name(&mut self, identifiers: &str) -> Outcome {
        self.send(&format!(r#""attributes":{{{identifiers}}}"#))
    }

    /// Fills a profile to the limit of clients.
    fn fill(&mut self, identifier: &str) {
        for number in 0..10 {
            let long = format!(r#""p{number}":"{}""#, letter(number).repeat(LONG));
            self.write(identifier, &long);
        }
    }

    /// Bytes written for each byte sent since the last call.
    fn ratio(&mut self) -> f64 {
        let written = 2 * self.written.swap(0, Ordering::SeqCst);
        let sent = std::mem::take(&mut self.sent);
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let ratio = written as f64 / sent as f64;
        ratio
    }

    /// Bytes written for each byte sent, rounded up, and that the store is sound.
    fn measured(mut self, name: &str) -> f64 {
        let ratio = self.ratio();
        println!("{name}: {ratio:.1} bytes for each byte");
        self.harness.assert_sound();
        ratio
    }
}

fn letter(number: usize) -> char {
    char::from(b'a' + u8::try_from(number % 26).unwrap())
}

trait Repeated {
    fn repeat(self, count: usize) -> String;
}

impl Repeated for char {
    fn repeat(self, count: usize) -> String {
        std::iter::repeat_n(self, count).collect()
    }
}

fn email(name: impl std::fmt::Display) -> String {
    format!(r#""email":"{name}@example.com""#)
}

fn device(name: impl std::fmt::Display) -> String {
    format!(r#""anonymous_id":"device {name}""#)
}

fn phone(number: usize) -> String {
    format!(r#""phone_number":"+1500555{number:04}""#)
}

#[test]
fn small_changes_of_a_full_profile_write_little() {
    let mut client = MeteredClient::new();
    client.fill(&email("ann"));
    client.ratio();
    for number in 0..300 {
        client
            .write(&email("ann"), &format!(r#""n":{number},"t":"{}""#, letter(number).repeat(120)));
    }
    assert!(client.measured("small changes of a full profile") < 12.0);
}

#[test]
fn values_replaced_in_turn_by_two_networks_write_little() {
    let mut client = MeteredClient::new();
    client.fill(&email("ann"));
    client.ratio();
    for number in 0..700 {
        client.sender.network = Some(SenderDigest::from_bits(number % 2));
        client.write(&email("ann"), &format!(r#""n":{number}"#));
    }
    assert!(client.measured("values replaced in turn by two networks") < BOUND);
}

#[test]
fn full_profiles_that_are_filled_again_by_another_network_write_little() {
    let mut client = MeteredClient::new();
    for network in 0..6 {
        client.sender.network = Some(SenderDigest::from_bits(network));
        for number in 0..10 {
            let value = letter(number + usize::try_from(network).unwrap()).repeat(LONG);
            client.write(&email("ann"), &format!(r#""p{number}":"{value}""#));
        }
    }
    assert!(client.measured("a full profile that is filled again") < BOUND);
}

#[test]
fn the_smallest_changes_of_a_full_profile_write_little() {
    let mut client = MeteredClient::new();
    client.fill(&email("ann"));
    client.ratio();
    for number in 0..300 {
        client.write(&device("a"), &format!(r#""n":{number}"#));
        client.write(&email("ann"), &format!(r#""n":{number}"#));
    }
    assert!(client.measured("the smallest changes of full profiles") < BOUND);
}

#[test]
fn small_changes_of_many_full_profiles_write_little() {
    let mut client = MeteredClient::new();
    (0..2).for_each(|person| client.fill(&email(person)));
    client.ratio();
    for number in 0..600 {
        client.write(&email(number % 2), &format!(r#""n":{number}"#));
    }
    assert!(client.measured("small changes of many full profiles") < BOUND);
}

#[test]
fn requests_with_push_tokens_write_little() {
    let long = "m".to_owned().repeat(160);
    let names = ["device_id", "sdk_version", "device_model", "os_version", "manufacturer"];
    let names = names.into_iter().chain(["app_name", "app_version", "app_build", "app_id"]);
    let texts: Vec<String> = names.map(|name| format!(r#""{name}":"{long}""#)).collect();
    let metadata = format!(r#","device_metadata":{{{}}}"#, texts.join(","));
    let status = |number| {
        let status = if number % 2 == 0 { "DENIED" } else { "AUTHORIZED" };
        format!(r#","enablement_status":"{status}""#)
    };
    let mut client = MeteredClient::new();
    client.push("t", &device("a"), &metadata);
    client.ratio();
    (0..300).for_each(|number| drop(client.push("t", &device("a"), &status(number))));
    assert!(client.measured("changes of one push token") < BOUND);

    let mut client = MeteredClient::new();
    (0..2).for_each(|person| client.fill(&email(person)));
    client.ratio();
    (0..300).for_each(|number| drop(client.push("t", &email(number % 2), "")));
    assert!(client.measured("a push token between two full profiles") < BOUND);

    let mut client = MeteredClient::new();
    (0..300).for_each(|number| drop(client.push(&format!("t{number}"), &email("ann"), "")));
    assert!(client.measured("push tokens that push out others") < BOUND);

    let mut client = MeteredClient::new();
    client.push("t", &device("a"), &metadata);
    client.ratio();
    (0..300).for_each(|_| drop(client.push("t", &device("a"), "")));
    assert!(client.measured("a push token that is repeated") < 3.0);
}

#[test]
fn changes_of_profiles_of_every_size_write_little() {
    for count in [1, 8, 12, 20, 60, 400] {
        let mut client = MeteredClient::new();
        for number in 0..count {
            client.write(&email("ann"), &format!(r#""p{number}":"{}""#, letter(number).repeat(80)));
        }
        for number in 0..300 {
            client.write(&email("ann"), &format!(r#""p{}":{number}"#, number % count));
        }
        assert!(client.measured(&format!("{count} properties")) < BOUND);
    }
}

#[test]
fn additions_to_a_long_list_and_removals_from_it_write_little() {
    let mut client = MeteredClient::new();
    let numbers: Vec<String> = (0..15_000).map(|number| number.to_string()).collect();
    client.write(&email("ann"), &format!(r#""list":[{}]"#, numbers.join(",")));
    client.ratio();
    for number in 0..300 {
        let (first, last) = (number, 15_000 + number);
        client.send(&format!(
            r#""attributes":{{{}}},"meta":{{"patch_properties":{{"append":{{"list":{last}}},
            "unappend":{{"list":[{first},{}]}}}}}}"#,
            email("ann"),
            14_999 - number,
        ));
    }
    assert!(client.measured("additions to a long list and removals from it") < BOUND);
}

#[test]
fn long_device_ids_of_a_full_profile_write_little() {
    let mut client = MeteredClient::new();
    client.fill(&email("ann"));
    client.ratio();
    for number in 0..300 {
        let long = format!("{number:04}{}", 'd'.repeat(240));
        client.name(&format!("{},{}", email("ann"), device(long)));
    }
    assert!(client.measured("long device ids") < BOUND);
}

/// Small profiles that a client merges into full ones, with `extra` members in each.
fn merges(client: &mut MeteredClient, extra: &str) {
    for number in 0..200 {
        let person = number / 100;
        if number % 100 == 0 {
            client.fill(&email(person));
            client.ratio();
        }
        client.write(&device(number), extra);
        client.name(&format!("{},{}", email(person), device(number)));
    }
}

#[test]
fn merges_of_small_profiles_into_a_full_one_write_little() {
    let mut client = MeteredClient::new();
    merges(&mut client, r#""q":1"#);
    assert!(client.measured("merges of small profiles into a full one") < BOUND);
}

#[test]
fn merges_of_profiles_with_the_names_of_large_properties_write_little() {
    let mut client = MeteredClient::new();
    merges(&mut client, r#""p1":1,"p2":1,"p3":1,"p4":1,"p5":1"#);
    assert!(client.measured("merges of profiles with the names of large properties") < BOUND);
}

#[test]
fn merges_into_a_profile_with_a_long_location_write_little() {
    let mut client = MeteredClient::new();
    for number in 0..100 {
        if number == 0 {
            for field in ["address1", "address2", "city", "country", "region", "zip"] {
                let long = 'x'.repeat(2_000);
                client.send(&format!(
                    r#""attributes":{{{},"location":{{"{field}":"{long}"}}}}"#,
                    email("ann")
                ));
            }
            client.ratio();
        }
        client
            .send(&format!(r#""attributes":{{{},"location":{{"city":"Bonn"}}}}"#, device(number)));
        client.name(&format!("{},{}", email("ann"), device(number)));
    }
    assert!(client.measured("merges into a profile with a long location") < BOUND);
}

#[test]
fn merges_of_small_profiles_into_one_with_full_lists_are_bounded() {
    let mut client = MeteredClient::new();
    client.fill(&email("ann"));
    let long = |number: usize| format!("{number:04}{}", 'd'.repeat(240));
    (0..32).for_each(|number| {
        client.name(&format!("{},{}", email("ann"), device(long(number))));
    });
    client.ratio();
    for number in 100..200 {
        client.write(&device(number), r#""q":1"#);
        client.name(&format!("{},{}", email("ann"), device(number)));
    }
    assert!(client.measured("merges of small profiles into one with full lists") < BOUND);
}

#[test]
fn full_profiles_that_are_absorbed_again_and_again_write_little() {
    let mut client = MeteredClient::new();
    for person in 0..2 {
        client.fill(&device(person));
        client.name(&phone(person));
        client.name(&format!("{},{}", phone(person), device(person)));
        client.name(&email(person));
        client.name(&format!("{},{}", email(person), phone(person)));
        client.name(&format!(r#""external_id":"customer {person}""#));
        client.name(&format!(r#""external_id":"customer {person}",{}"#, email(person)));
    }
    assert!(client.measured("full profiles absorbed three times") < BOUND);
}

/// One request of a random sequence.
#[derive(Clone, Debug)]
enum Step {
    Fill(usize),
    Change { person: usize, property: usize, bytes: usize },
    Device { person: usize, device: usize },
    Merge { person: usize, other: usize },
    Append { person: usize, elements: Vec<u16>, removed: Vec<u16> },
}

fn steps() -> impl Strategy<Value = Step> {
    let person = || 0..3_usize;
    prop_oneof![
        1 => person().prop_map(Step::Fill),
        6 => (person(), 0..12_usize, 0..400_usize)
            .prop_map(|(person, property, bytes)| Step::Change { person, property, bytes }),
        3 => (person(), 0..40_usize).prop_map(|(person, device)| Step::Device { person, device }),
        2 => (person(), person()).prop_map(|(person, other)| Step::Merge { person, other }),
        3 => (person(), vec(0..99_u16, 0..6), vec(0..99_u16, 0..3))
            .prop_map(|(person, elements, removed)| Step::Append { person, elements, removed }),
    ]
}

fn take(client: &mut MeteredClient, step: Step) {
    match step {
        Step::Fill(person) => client.fill(&email(person)),
        Step::Change { person, property, bytes } => {
            let value = letter(bytes).repeat(bytes);
            client.write(&email(person), &format!(r#""p{property}":"{value}""#));
        }
        Step::Device { person, device: number } => {
            client.name(&format!("{},{}", email(person), device(number)));
        }
        Step::Merge { person, other } => {
            client.name(&format!("{},{}", email(person), phone(other)));
        }
        Step::Append { person, elements, removed } => {
            client.send(&format!(
                r#""attributes":{{{}}},"meta":{{"patch_properties":{{"append":{{"list":{elements:?}}},
                "unappend":{{"list":{removed:?}}}}}}}"#,
                email(person)
            ));
        }
    }
}

#[test]
fn no_sequence_of_requests_writes_much_more_than_it_sends() {
    check(8, vec(steps(), 1..40), |sequence| {
        let mut client = MeteredClient::new();
        let sequence_shown = format!("{sequence:?}");
        sequence.into_iter().for_each(|step| take(&mut client, step));
        prop_assert!(client.measured("a random sequence") < BOUND, "{}", sequence_shown);
        Ok(())
    });
}
