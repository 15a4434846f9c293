//! A simulation: thousands of requests over few identifiers, with merges, undoing,
//! restarts and a medium that fails, and an auditor who knows who is who.
//!
//! It prints its seed. `SIMULATION_SEED` repeats a run; `SIMULATION_STEPS` makes
//! it longer.

use std::{collections::BTreeMap, sync::Arc};

use profile_protocol::ProfileId;
use profile_store::{
    Claim, ClaimResult, Effect, Engine, OpenError, Outcome, ProfileRef, Retention, StoreError,
    StoreOptions, Submission, engine::MemoryEngine, limits,
};

use crate::{
    clockwork::Clockwork,
    faulty::{Fault, Faulty},
    people::asked,
    world::{World, open_sled, wait},
};

/// `SplitMix64`: chance that repeats.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Who is who, by the outcomes that were told: a forest in which every absorbed
/// profile hangs below its survivor, and each identifier below the profile it
/// was attached to. Undoing a merge cuts one branch off.
#[derive(Default)]
struct Auditor {
    above: BTreeMap<ProfileId, ProfileId>,
    born: Vec<ProfileId>,
    attached: BTreeMap<String, (Claim, ProfileId)>,
    newest: u64,
}

impl Auditor {
    fn root(&self, mut id: ProfileId) -> ProfileId {
        while let Some(&above) = self.above.get(&id) {
            id = above;
        }
        id
    }

    /// Takes in what was told, and sees that it could be so.
    fn hear(&mut self, submission: &Submission, outcome: &Outcome) {
        assert_eq!(outcome.sequence, self.newest + 1, "outcomes are numbered without a gap");
        self.newest = outcome.sequence;
        let Some(survivor) = outcome.survivor else { return };
        if outcome.effect == Effect::Created {
            assert!(!self.born.contains(&survivor), "an id is given out once");
            self.born.push(survivor);
        }
        assert_eq!(self.root(survivor), survivor, "a survivor lives");
        for (claim, told) in submission.claims.made().iter().zip(&outcome.claims) {
            let known = self.leads_to(claim);
            match told.result {
                ClaimResult::Matched => assert_eq!(known, Some(survivor)),
                ClaimResult::Attached => {
                    assert_eq!(known, None);
                    self.attached.insert(text_of(claim), (claim.clone(), survivor));
                }
                ClaimResult::Absorbed(id) => assert_eq!(known, Some(id)),
                ClaimResult::Refused(_) => assert!(known.is_some_and(|known| known != survivor)),
                ClaimResult::Ignored(_) => assert_eq!(known, None),
                ClaimResult::Replaced | ClaimResult::Restored(_) | ClaimResult::Released => {
                    panic!("no client can do that")
                }
            }
        }
        for absorbed in outcome.absorbed() {
            self.above.insert(absorbed, survivor);
        }
    }

    fn hear_undone(&mut self, absorbed: ProfileId, outcome: &Outcome) {
        assert_eq!(outcome.sequence, self.newest + 1, "outcomes are numbered without a gap");
        self.newest = outcome.sequence;
        assert_eq!(outcome.survivor, Some(self.root(absorbed)));
        assert!(self.above.remove(&absorbed).is_some());
    }

    fn leads_to(&self, claim: &Claim) -> Option<ProfileId> {
        match &claim.target {
            ProfileRef::Id(id) => self.born.contains(id).then(|| self.root(*id)),
            ProfileRef::Identifier(_) => {
                self.attached.get(&text_of(claim)).map(|(_, holder)| self.root(*holder))
            }
        }
    }

    /// Compares all of it with what is stored.
    fn audit(&self, world: &World) {
        world.is_sound();
        for &id in &self.born {
            let stored = wait(world.store.profile(&world.company, id)).unwrap();
            assert_eq!(stored.map(|profile| profile.id), Some(self.root(id)));
        }
        for (claim, holder) in self.attached.values() {
            let ProfileRef::Identifier(identifier) = &claim.target else { continue };
            let stored = wait(world.store.find(&world.company, identifier)).unwrap();
            assert_eq!(stored.map(|profile| profile.id), Some(self.root(*holder)));
        }
        let audit = world.audit();
        let living = self.born.iter().filter(|id| !self.above.contains_key(id)).count();
        assert_eq!(audit.profiles, living as u64);
        assert_eq!(audit.aliases + audit.profiles, self.born.len() as u64);
        assert_eq!(audit.identifiers, self.attached.len() as u64);
    }
}

fn text_of(claim: &Claim) -> String {
    match &claim.target {
        ProfileRef::Id(id) => id.to_string(),
        ProfileRef::Identifier(identifier) => {
            format!("{} {}", identifier.kind(), identifier.as_str())
        }
    }
}

fn request(chance: &mut Chance) -> String {
    let mut words = Vec::new();
    // Later kinds are named more often: devices are everywhere, ids are rare.
    for (kind, people, rarely) in
        [("id", 40, 20), ("x", 12, 5), ("e", 16, 2), ("p", 12, 3), ("a", 20, 2)]
    {
        if chance.once_in(rarely) {
            words.push(format!("{kind}:{}", 1 + chance.below(people)));
        }
    }
    if words.is_empty() {
        words.push(format!("a:{}", 1 + chance.below(20)));
    }
    for name in ["name", "city", "plan"] {
        if chance.once_in(4) {
            words.push(format!("{name}={}", chance.below(5)));
        }
    }
    words.join(" ")
}

fn setting(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a run is repeated by its seed")]
    let set = std::env::var(name);
    set.ok().map_or(default, |text| text.parse().unwrap())
}

/// A medium that outlives the stores opened on it.
trait Medium {
    /// The medium as it is, for the next life of the store.
    fn open(&mut self, chance: &mut Chance) -> Arc<dyn Engine>;

    /// After a life, with all that a crash may take away gone: the medium in good
    /// order, to be looked at.
    fn after(&mut self, chance: &mut Chance) -> Arc<dyn Engine>;

    /// Whether the medium never fails, so that it may be looked at all the time.
    const SOUND: bool;
}

/// Memory that never fails.
struct Steady(Arc<MemoryEngine>);

impl Medium for Steady {
    const SOUND: bool = true;

    fn open(&mut self, _: &mut Chance) -> Arc<dyn Engine> {
        Arc::clone(&self.0) as _
    }

    fn after(&mut self, _: &mut Chance) -> Arc<dyn Engine> {
        Arc::clone(&self.0) as _
    }
}

/// Memory that fails after a while, and forgets what was not flushed.
struct Failing {
    left: Arc<MemoryEngine>,
    now: Option<Arc<Faulty>>,
}

impl Medium for Failing {
    const SOUND: bool = false;

    fn open(&mut self, chance: &mut Chance) -> Arc<dyn Engine> {
        let fault = Fault { done: chance.once_in(2), for_good: chance.once_in(2) };
        let fails_at = usize::try_from(4 + chance.below(400)).unwrap();
        let engine = Arc::new(Faulty::over(Arc::clone(&self.left), fails_at, fault));
        self.now = Some(Arc::clone(&engine));
        engine
    }

    fn after(&mut self, chance: &mut Chance) -> Arc<dyn Engine> {
        let surviving = usize::try_from(chance.below(3)).unwrap();
        if let Some(engine) = self.now.take() {
            self.left = engine.after_crash(surviving);
        }
        Arc::clone(&self.left) as _
    }
}

/// A directory on disk.
struct Directory(tempfile::TempDir);

impl Medium for Directory {
    const SOUND: bool = true;

    fn open(&mut self, _: &mut Chance) -> Arc<dyn Engine> {
        Arc::new(open_sled(self.0.path()))
    }

    fn after(&mut self, chance: &mut Chance) -> Arc<dyn Engine> {
        self.open(chance)
    }
}

/// What was asked and not answered well: it may have happened or not.
enum Doubt {
    Submitted(Box<Submission>),
    Undone(ProfileId),
}

struct Simulation<M> {
    medium: M,
    chance: Chance,
    auditor: Auditor,
    doubt: Option<Doubt>,
    steps: u64,
    lives: u64,
    merges: u64,
    undone: u64,
    doubts: u64,
}

impl<M: Medium> Simulation<M> {
    fn run(medium: M, steps: u64) {
        let seed = setting("SIMULATION_SEED", u64::from(std::process::id()));
        let steps = setting("SIMULATION_STEPS", steps);
        println!("SIMULATION_SEED={seed} SIMULATION_STEPS={steps}");
        let mut simulation = Simulation {
            medium,
            chance: Chance(seed),
            auditor: Auditor::default(),
            doubt: None,
            steps: 0,
            lives: 0,
            merges: 0,
            undone: 0,
            doubts: 0,
        };
        // What chance leaves out of few steps comes with more of them.
        while simulation.steps < steps
            || (!simulation.has_seen_enough() && simulation.steps < 20 * steps)
        {
            simulation.live();
            simulation.look();
        }
        let Simulation { steps, lives, merges, undone, doubts, .. } = simulation;
        println!(
            "steps: {steps}, lives: {lives}, merges: {merges}, undone: {undone}, in doubt: {doubts}"
        );
        assert!(simulation.has_seen_enough(), "what is tested never happened");
    }

    /// Whether all that a simulation is there for has happened: merges, undoing,
    /// another life, and on a medium that fails an answer that nobody got.
    fn has_seen_enough(&self) -> bool {
        let doubted = M::SOUND || 0 < self.doubts;
        3 < self.merges && 0 < self.undone && 1 < self.lives && doubted
    }

    /// From opening the store until it is closed or fails.
    fn live(&mut self) {
        let engine = self.medium.open(&mut self.chance);
        self.lives += 1;
        let Ok(mut world) = self.world(engine) else { return };
        world.known.clone_from(&self.auditor.born);
        let until = self.steps + 50 + self.chance.below(200);
        while self.steps < until && self.doubt.is_none() {
            self.steps += 1;
            if self.chance.once_in(12) {
                self.undo(&world);
            } else {
                self.submit(&mut world);
            }
            if M::SOUND {
                self.auditor.audit(&world);
            }
        }
        // A store that failed cannot be closed well, which is why it is opened anew.
        let _ = wait(world.store.close());
    }

    /// Finds out what became of what was not answered, and compares everything.
    fn look(&mut self) {
        let engine = self.medium.after(&mut self.chance);
        let world = self.world(engine).unwrap();
        let news = wait(world.store.outcomes(&world.company, self.auditor.newest, 10)).unwrap();
        match (self.doubt.take(), news.as_slice()) {
            (_, []) => {}
            (Some(Doubt::Submitted(submission)), [outcome]) => {
                self.auditor.hear(&submission, outcome);
            }
            (Some(Doubt::Undone(id)), [outcome]) => self.auditor.hear_undone(id, outcome),
            (_, unexplained) => panic!("nobody asked for {unexplained:?}"),
        }
        self.auditor.audit(&world);
        let _ = wait(world.store.close());
    }

    /// A store that keeps few outcomes, so that looking at everything stays quick,
    /// and prunes the others at every turn.
    fn world(&self, engine: Arc<dyn Engine>) -> Result<World, OpenError> {
        let retention = Retention { count: 40, ..Retention::default() };
        let id_generator = Clockwork::after(self.lives << 20).striding(2 * limits::PRUNE_EVERY_MS);
        World::run(engine, id_generator, StoreOptions { retention, ..StoreOptions::default() })
    }

    fn submit(&mut self, world: &mut World) {
        let submission = world.submission(&asked(&request(&mut self.chance)));
        match world.submit(submission.clone()) {
            Ok(outcome) => {
                self.merges += outcome.absorbed().count() as u64;
                self.auditor.hear(&submission, &outcome);
            }
            Err(StoreError::Unavailable) if !M::SOUND => {}
            Err(StoreError::Poisoned) if !M::SOUND => {
                self.doubts += 1;
                self.doubt = Some(Doubt::Submitted(Box::new(submission)));
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Undoes the merge of somebody, who may have been merged or not.
    fn undo(&mut self, world: &World) {
        let born = self.auditor.born.len() as u64;
        if born == 0 {
            return;
        }
        let number = usize::try_from(self.chance.below(born)).unwrap();
        let id = self.auditor.born[number];
        match world.undo(number) {
            Ok(unmerged) => {
                self.undone += 1;
                self.auditor.hear_undone(id, &unmerged.outcome);
            }
            Err(StoreError::NotMerged) => assert!(!self.auditor.above.contains_key(&id)),
            Err(StoreError::Unavailable) if !M::SOUND => {}
            Err(StoreError::Poisoned) if !M::SOUND => {
                self.doubts += 1;
                self.doubt = Some(Doubt::Undone(id));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn everybody_is_who_they_are_after_every_step() {
    Simulation::run(Steady(Arc::default()), 2_000);
}

#[test]
fn nothing_answered_is_lost_or_torn_on_a_medium_that_fails() {
    Simulation::run(Failing { left: Arc::default(), now: None }, 4_000);
}

#[test]
fn everybody_is_who_they_are_after_every_step_on_disk() {
    Simulation::run(Directory(tempfile::tempdir().unwrap()), 400);
}
