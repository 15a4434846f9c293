//! Sequences of requests, manual merges, undone merges, deletions, revocations of tokens and
//! explanations, sent to a store.
//!
//! The store decides as the suite's model does until the first manual or undone merge, which the
//! model does not have. An explanation stores nothing, and the request is then decided as
//! explained. Nothing is left of the addresses and phone numbers of a deleted profile. An audit
//! finds nothing wrong at any time, and a refused request changes nothing.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use profile_store::{
    ClaimResult, Identifier, IdentitySettings, Outcome, Profile, Rejected, StoreError,
};
use profile_store_suite::{
    engines::Engines,
    generators::{SMALL_LIMITS, different_external_id},
    harness::{StoreHarness, contents, wait},
    model::IdentityModel,
    notation::{TestIntent, TestRequest},
};

/// Operations of one run.
const OPERATIONS: usize = 24;

/// Operations between two audits.
const AUDIT_EVERY: usize = 6;

#[derive(Arbitrary, Debug)]
enum Operation {
    Ask(FuzzedRequest),
    AskAgain(FuzzedRequest),
    Explain(FuzzedRequest),
    Undo(u8),
    Merge(u8, u8),
    /// By a token: the revocation of the tokens of a profile or of the company.
    Delete(u8, u8),
}

/// Choices among few identifiers, so that requests name the same ones.
#[derive(Arbitrary, Debug)]
struct FuzzedRequest {
    server: bool,
    intent: u8,
    subject: [u8; 6],
    attributes: [u8; 6],
    secondary: [u8; 4],
    facts: [u8; 3],
    cleared: u8,
}

fuzz_target!(|input: &[u8]| {
    let mut unstructured = Unstructured::new(input);
    // An input of odd length is about a company with the other choice.
    let different_external_id = different_external_id(input.len());
    let settings = IdentitySettings { different_external_id, ..SMALL_LIMITS };
    let mut harness = StoreHarness::with_settings(&Engines::in_memory(), settings.clone());
    let mut model = Some(IdentityModel::new(settings));
    for number in 1..=OPERATIONS {
        if unstructured.is_empty() {
            break;
        }
        let Ok(step) = Operation::arbitrary(&mut unstructured) else { break };
        carry_out(&step, &mut harness, &mut model);
        if number % AUDIT_EVERY == 0 {
            harness.assert_sound();
        }
    }
    harness.assert_sound();
    if let Some(model) = &model {
        agree(&harness, model);
    }
});

fn carry_out(step: &Operation, harness: &mut StoreHarness, model: &mut Option<IdentityModel>) {
    match step {
        Operation::Ask(request) => ask(&request.request(), harness, model),
        Operation::AskAgain(request) => {
            ask(&request.request(), harness, model);
            ask(&request.request(), harness, model);
        }
        Operation::Explain(request) => explain(&request.request(), harness, model),
        Operation::Undo(number) => undo(usize::from(*number), harness, model),
        Operation::Merge(destination, source) => merge([*destination, *source], harness, model),
        Operation::Delete(kind, choice) => delete(*kind, *choice, harness, model),
    }
}

fn ask(request: &TestRequest, harness: &mut StoreHarness, model: &mut Option<IdentityModel>) {
    if request.subject.is_empty() && request.attributes.is_empty() {
        return;
    }
    let before = contents(harness.engine.as_ref());
    let submission = harness.submission(request);
    let answer = harness.submit(submission);
    if answer.is_err() {
        assert_eq!(contents(harness.engine.as_ref()), before, "{request:?} left a trace");
    }
    assert!(harness.store.is_healthy(), "{request:?} poisoned the store");
    if let Some(model) = model {
        assert_eq!(harness.describe_answer(&answer), model.decide(request), "{request:?}");
    }
}

/// The part of an outcome that is the same in an explanation and in the stored outcome.
fn decided(
    answer: &Result<Outcome, StoreError>,
) -> Result<(String, Vec<ClaimResult>, usize), StoreError> {
    answer.clone().map(|outcome| {
        let results = outcome.claims.iter().map(|claim| claim.result).collect();
        (outcome.effect.as_str().to_owned(), results, outcome.changed.len())
    })
}

fn explain(request: &TestRequest, harness: &mut StoreHarness, model: &mut Option<IdentityModel>) {
    if request.subject.is_empty() && request.attributes.is_empty() {
        return;
    }
    let before = contents(harness.engine.as_ref());
    let explained = wait(harness.store.explain(harness.submission(request)));
    assert_eq!(contents(harness.engine.as_ref()), before, "{request:?} was stored");
    let submission = harness.submission(request);
    let happened = harness.submit(submission);
    assert_eq!(decided(&explained), decided(&happened), "{request:?}");
    if let Some(model) = model {
        assert_eq!(harness.describe_answer(&happened), model.decide(request), "{request:?}");
    }
}

/// Revokes the tokens of a profile, or of the company.
fn revoke(number: Option<usize>, harness: &mut StoreHarness, model: &mut Option<IdentityModel>) {
    let before = contents(harness.engine.as_ref());
    let answer = harness.revoke_tokens(number);
    if answer.is_err() {
        assert_eq!(contents(harness.engine.as_ref()), before, "a refusal left a trace");
    }
    if let Some(model) = model {
        assert_eq!(harness.describe_answer(&answer), model.revoke_tokens(number));
    }
}

fn undo(number: usize, harness: &mut StoreHarness, model: &mut Option<IdentityModel>) {
    let Some(number) = number.checked_rem(harness.created.len()) else { return };
    let before = contents(harness.engine.as_ref());
    let was_unmerged = harness.exists(number) && harness.is_unmerged(number);
    match harness.undo(number) {
        Ok(undone) => {
            assert!(
                !was_unmerged && harness.is_unmerged(number),
                "the restored profile is one of its own"
            );
            assert_eq!(undone.restored.id, harness.created[number]);
            assert_ne!(undone.survivor.id, undone.restored.id);
            *model = None;
        }
        Err(error) => {
            assert_eq!(error, StoreError::NotMerged);
            assert_eq!(contents(harness.engine.as_ref()), before, "a refusal left a trace");
        }
    }
}

fn merge(numbers: [u8; 2], harness: &mut StoreHarness, model: &mut Option<IdentityModel>) {
    let [destination, source] = numbers.map(usize::from);
    let before = contents(harness.engine.as_ref());
    match harness.merge(destination, source) {
        Ok(outcome) => {
            let survivor = harness.profile(destination);
            assert_eq!(outcome.survivor, Some(survivor.id));
            assert_eq!(harness.profile(source), survivor, "both are the same profile now");
            *model = None;
        }
        Err(error) => {
            let told = [Rejected::UnknownProfile, Rejected::MergeCap].map(StoreError::Rejected);
            assert!(told.contains(&error), "{error}");
            assert_eq!(contents(harness.engine.as_ref()), before, "a refusal left a trace");
        }
    }
}

fn delete(kind: u8, choice: u8, harness: &mut StoreHarness, model: &mut Option<IdentityModel>) {
    let mut choices = [u8::MAX; 6];
    let kind = usize::from(kind) % choices.len();
    choices[kind] = choice;
    let request = TestRequest { attributes: identifiers(choices), ..TestRequest::default() };
    // A request without a claim is refused before it reaches the store.
    let [(kind, text)] = &request.attributes[..] else { return };
    if kind == "kx" {
        let number = text.parse().ok();
        return revoke(number, harness, model);
    }
    if text == "old" {
        return;
    }
    let word = format!("{kind}:{text}");
    let profile = led_to(&word, harness);
    let deleted = harness.delete(&word);
    // A deletion also finds the last holder of an identifier that no profile holds.
    assert!(deleted.outcome.survivor.is_some() || profile.is_none());
    if let Some(model) = model {
        let told = harness.describe(&deleted.outcome);
        assert_eq!(told, model.delete(&request), "{word}");
    }
    if let Some(profile) = profile {
        assert!(led_to(&word, harness).is_none(), "{word} still leads to a profile");
        leaves_nothing(&profile, harness);
    }
}

fn led_to(word: &str, harness: &StoreHarness) -> Option<Profile> {
    match word.strip_prefix("id:") {
        Some(number) => {
            let id = *harness.created.get(number.parse::<usize>().ok()?)?;
            wait(harness.store.profile(&harness.company, id)).expect("nothing is damaged")
        }
        None => harness.find(word),
    }
}

/// No key and no value holds an address or phone number of a deleted profile.
fn leaves_nothing(profile: &Profile, harness: &StoreHarness) {
    let all = contents(harness.engine.as_ref());
    for identifier in profile.identifiers.iter() {
        // Identifiers of the other kinds are so short here that they occur by coincidence.
        let long = matches!(identifier, Identifier::Email(_) | Identifier::PhoneNumber(_));
        let text = identifier.as_str().as_bytes();
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        let left = all.iter().any(|(key, value)| holds(key) || holds(value));
        assert!(!long || !left, "{} is left", identifier.as_str());
    }
}

/// The store and the model have the same profiles.
fn agree(harness: &StoreHarness, model: &IdentityModel) {
    assert_eq!(harness.created.len(), model.created_count());
    for number in 0..model.created_count() {
        assert_eq!(harness.exists(number), !model.is_deleted(number));
        if model.is_deleted(number) {
            continue;
        }
        assert_eq!(harness.profile(number).id, harness.created[model.survivor_of(number)]);
        assert_eq!(harness.about(number), model.about(number));
    }
}

/// One of these, or, for more than half of all choices, none.
fn choose<'a>(from: &[&'a str], choice: u8) -> Option<&'a str> {
    from.get(usize::from(choice) % (2 * from.len() + 1)).copied()
}

fn identifiers(choices: [u8; 6]) -> Vec<(String, String)> {
    let kinds: [(&str, &[&str]); 6] = [
        ("id", &["0", "1", "2", "3", "99", "old"]),
        ("kx", &["0", "1", "new/1", "0/tab", "expired"]),
        ("x", &["1", "2", "3"]),
        ("e", &["ann", "bob", "cat", "dan"]),
        ("p", &["5", "6", "7"]),
        ("a", &["tab", "pad", "web", "app", "tv"]),
    ];
    let chosen = kinds.into_iter().zip(choices);
    let named = |(kind, from): (&str, &[&str]), choice| {
        choose(from, choice).map(|text| (kind.to_owned(), text.to_owned()))
    };
    chosen.filter_map(|(kind, choice)| named(kind, choice)).collect()
}

impl FuzzedRequest {
    fn request(&self) -> TestRequest {
        let FuzzedRequest { server, intent, subject, attributes, secondary, facts, cleared } = self;
        let emails = |choices: &[u8]| -> Vec<String> {
            let all = ["ann", "bob", "cat", "dan", "eve"];
            choices.iter().filter_map(|&choice| choose(&all, choice)).map(str::to_owned).collect()
        };
        let kinds = ["x", "e", "p"].into_iter().enumerate();
        let cleared = kinds.filter(|(bit, _)| cleared >> 5 >> bit & 1 == 1);
        let request = TestRequest {
            server: *server,
            subject: identifiers(*subject),
            attributes: identifiers(*attributes),
            append: emails(&secondary[..2]),
            unappend: emails(&secondary[2..]),
            facts: chosen_facts(*facts),
            cleared: cleared.map(|(_, kind)| kind.to_owned()).collect(),
            ..TestRequest::default()
        };
        match intent % 8 {
            0 => request.with_intent(TestIntent::Import),
            1 => request.with_intent(TestIntent::Create),
            2 => request.with_intent(TestIntent::Update(usize::from(intent / 8 % 6))),
            _ => request,
        }
    }
}

/// Attributes, no name twice.
fn chosen_facts(choices: [u8; 3]) -> Vec<(String, String)> {
    let names = ["name", "city", "zip", "tz", "plan", "size"];
    let values = ["", "one", "two"];
    let mut facts = std::collections::BTreeMap::new();
    for choice in choices {
        if let Some(name) = choose(&names, choice / 3) {
            facts.insert(name.to_owned(), values[usize::from(choice % 3)].to_owned());
        }
    }
    facts.into_iter().collect()
}
