//! Any sequence of requests, merges on demand, undone merges, deletions and
//! questions, put to a store.
//!
//! The store decides as the model in its tests does, which is the rules written a
//! second time, until a merge is made on demand or undone; of that the model knows
//! nothing. What is explained stores nothing and is what then happens. Of whom was
//! deleted no address and no number is left anywhere. Whatever was asked, an audit
//! finds nothing wrong, and what was refused left no trace.
#![no_main]

#[path = "../../crates/profile-store/tests/it/clockwork.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod clockwork;
#[path = "../../crates/profile-store/tests/it/gated.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod gated;
#[path = "../../crates/profile-store/tests/it/model.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod model;
#[path = "../../crates/profile-store/tests/it/people.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod people;
#[path = "../../crates/profile-store/tests/it/world.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod world;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use model::Model;
use people::{Asked, Meant};
use profile_store::{ClaimResult, Identifier, Outcome, Profile, Rejected, Rules, Sentinels, StoreError};
use world::{World, contents, wait};

/// Steps of one run. What takes more to go wrong is found by chaining runs that
/// begin with less.
const STEPS: usize = 24;

/// Steps between two audits.
const AUDIT_EVERY: usize = 6;

/// Bounds small enough that short sequences meet them.
const TIGHT: Rules = Rules {
    anonymous_ids: 3,
    secondary_emails: 2,
    merges: 4,
    protect: false,
    sentinels: Sentinels { added: Vec::new(), removed: Vec::new() },
};

#[derive(Arbitrary, Debug)]
enum Step {
    Ask(Request),
    AskAgain(Request),
    Explain(Request),
    Undo(u8),
    Merge(u8, u8),
    Delete(u8, u8),
}

/// Choices among few, so that people meet.
#[derive(Arbitrary, Debug)]
struct Request {
    server: bool,
    meant: u8,
    subject: [u8; 6],
    attributes: [u8; 6],
    secondary: [u8; 4],
    facts: [u8; 3],
    cleared: u8,
}

fuzz_target!(|input: &[u8]| {
    let mut unstructured = Unstructured::new(input);
    let (mut world, mut model) = (World::with_rules(TIGHT), Some(Model::new(TIGHT)));
    for number in 1..=STEPS {
        if unstructured.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut unstructured) else { break };
        carry_out(&step, &mut world, &mut model);
        if number % AUDIT_EVERY == 0 {
            world.is_sound();
        }
    }
    world.is_sound();
    if let Some(model) = &model {
        agree(&world, model);
    }
});

fn carry_out(step: &Step, world: &mut World, model: &mut Option<Model>) {
    match step {
        Step::Ask(request) => ask(&request.asked(), world, model),
        Step::AskAgain(request) => {
            ask(&request.asked(), world, model);
            ask(&request.asked(), world, model);
        }
        Step::Explain(request) => explain(&request.asked(), world, model),
        Step::Undo(number) => undo(usize::from(*number), world, model),
        Step::Merge(destination, source) => merge([*destination, *source], world, model),
        Step::Delete(kind, choice) => delete(*kind, *choice, world, model),
    }
}

fn ask(asked: &Asked, world: &mut World, model: &mut Option<Model>) {
    if asked.subject.is_empty() && asked.attributes.is_empty() {
        return;
    }
    let before = contents(world.engine.as_ref());
    let submission = world.submission(asked);
    let answer = world.submit(submission);
    if answer.is_err() {
        assert_eq!(contents(world.engine.as_ref()), before, "{asked:?} left a trace");
    }
    assert!(world.store.is_healthy(), "{asked:?} poisoned the store");
    if let Some(model) = model {
        assert_eq!(world.answered(&answer), model.ask(asked), "{asked:?}");
    }
}

/// What does not differ between an explanation and what then happens.
fn decided(answer: &Result<Outcome, StoreError>) -> Result<(String, Vec<ClaimResult>, usize), StoreError> {
    answer.clone().map(|outcome| {
        let results = outcome.claims.iter().map(|claim| claim.result).collect();
        (outcome.effect.as_str().to_owned(), results, outcome.changed.len())
    })
}

fn explain(asked: &Asked, world: &mut World, model: &mut Option<Model>) {
    if asked.subject.is_empty() && asked.attributes.is_empty() {
        return;
    }
    let before = contents(world.engine.as_ref());
    let explained = wait(world.store.explain(world.submission(asked)));
    assert_eq!(contents(world.engine.as_ref()), before, "{asked:?} was stored");
    let submission = world.submission(asked);
    let happened = world.submit(submission);
    assert_eq!(decided(&explained), decided(&happened), "{asked:?}");
    if let Some(model) = model {
        assert_eq!(world.answered(&happened), model.ask(asked), "{asked:?}");
    }
}

fn undo(number: usize, world: &mut World, model: &mut Option<Model>) {
    let Some(number) = number.checked_rem(world.known.len()) else { return };
    let before = contents(world.engine.as_ref());
    let lived = world.is_known(number) && world.lives(number);
    match world.undo(number) {
        Ok(undone) => {
            assert!(!lived && world.lives(number), "who was restored lives");
            assert_eq!(undone.restored.id, world.known[number]);
            assert_ne!(undone.survivor.id, undone.restored.id);
            *model = None;
        }
        Err(error) => {
            assert_eq!(error, StoreError::NotMerged);
            assert_eq!(contents(world.engine.as_ref()), before, "a refusal left a trace");
        }
    }
}

fn merge(numbers: [u8; 2], world: &mut World, model: &mut Option<Model>) {
    let [destination, source] = numbers.map(usize::from);
    let before = contents(world.engine.as_ref());
    match world.merge(destination, source) {
        Ok(outcome) => {
            let survivor = world.profile(destination);
            assert_eq!(outcome.survivor, Some(survivor.id));
            assert_eq!(world.profile(source), survivor, "both are the same person now");
            *model = None;
        }
        Err(error) => {
            let told = [Rejected::UnknownProfile, Rejected::MergeCap].map(StoreError::Rejected);
            assert!(told.contains(&error), "{error}");
            assert_eq!(contents(world.engine.as_ref()), before, "a refusal left a trace");
        }
    }
}

fn delete(kind: u8, choice: u8, world: &mut World, model: &mut Option<Model>) {
    let mut choices = [u8::MAX; 6];
    let kind = usize::from(kind) % choices.len();
    choices[kind] = choice;
    let asked = Asked { attributes: identifiers(choices), ..Asked::default() };
    // What names nobody at all is refused before it gets here.
    let [(kind, text)] = &asked.attributes[..] else { return };
    if kind == "kx" || text == "old" {
        return;
    }
    let word = format!("{kind}:{text}");
    let whom = led_to(&word, world);
    let answer = world.delete(&word).expect("a deletion is never refused");
    assert_eq!(answer.is_some(), whom.is_some());
    if let Some(model) = model {
        let told = answer.map_or_else(|| "nobody".to_owned(), |outcome| world.told(&outcome));
        assert_eq!(told, model.delete(&asked), "{word}");
    }
    if let Some(whom) = whom {
        assert!(led_to(&word, world).is_none(), "{word} still leads to somebody");
        leaves_nothing(&whom, world);
    }
}

fn led_to(word: &str, world: &World) -> Option<Profile> {
    match word.strip_prefix("id:") {
        Some(number) => {
            let id = *world.known.get(number.parse::<usize>().ok()?)?;
            wait(world.store.profile(&world.company, id)).expect("nothing is damaged")
        }
        None => world.find(word),
    }
}

/// No key and no value holds an address or number of somebody who was deleted.
fn leaves_nothing(whom: &Profile, world: &World) {
    let all = contents(world.engine.as_ref());
    for identifier in whom.identifiers.iter() {
        // What the other kinds are called here is short enough to occur by chance.
        let long = matches!(identifier, Identifier::Email(_) | Identifier::PhoneNumber(_));
        let text = identifier.as_str().as_bytes();
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        let left = all.iter().any(|(key, value)| holds(key) || holds(value));
        assert!(!long || !left, "{} is left", identifier.as_str());
    }
}

/// The store and the model know the same of everybody.
fn agree(world: &World, model: &Model) {
    assert_eq!(world.known.len(), model.ever());
    for number in 0..model.ever() {
        assert_eq!(world.is_known(number), !model.is_gone(number));
        if model.is_gone(number) {
            continue;
        }
        assert_eq!(world.profile(number).id, world.known[model.living(number)]);
        assert_eq!(world.about(number), model.about(number));
    }
}

/// One of these, or, for more than half of all choices, none.
fn choose<'a>(from: &[&'a str], choice: u8) -> Option<&'a str> {
    from.get(usize::from(choice) % (2 * from.len() + 1)).copied()
}

fn identifiers(choices: [u8; 6]) -> Vec<(String, String)> {
    let kinds: [(&str, &[&str]); 6] = [
        ("id", &["0", "1", "2", "3", "99", "old"]),
        ("kx", &["0", "1", "2", "99", "expired"]),
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

impl Request {
    fn asked(&self) -> Asked {
        let Request { server, meant, subject, attributes, secondary, facts, cleared } = self;
        let emails = |choices: &[u8]| -> Vec<String> {
            let all = ["ann", "bob", "cat", "dan", "eve"];
            choices.iter().filter_map(|&choice| choose(&all, choice)).map(str::to_owned).collect()
        };
        let kinds = ["x", "e", "p"].into_iter().enumerate();
        let cleared = kinds.filter(|(bit, _)| cleared >> 5 >> bit & 1 == 1);
        let asked = Asked {
            server: *server,
            subject: identifiers(*subject),
            attributes: identifiers(*attributes),
            append: emails(&secondary[..2]),
            unappend: emails(&secondary[2..]),
            facts: learnt(*facts),
            cleared: cleared.map(|(_, kind)| kind.to_owned()).collect(),
            ..Asked::default()
        };
        match meant % 8 {
            0 => asked.meaning(Meant::Import),
            1 => asked.meaning(Meant::Create),
            2 => asked.meaning(Meant::Update(usize::from(meant / 8 % 6))),
            _ => asked,
        }
    }
}

/// What is said beside, no name twice.
fn learnt(choices: [u8; 3]) -> Vec<(String, String)> {
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
