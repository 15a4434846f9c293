//! What a crash leaves, at any point.

use super::*;

#[derive(Clone, Debug)]
enum CrashStep {
    /// A batch, and what is read afterwards.
    Apply(Vec<Write>, Scan),
    Sync,
    /// Waits until the closed memtable is checkpointed.
    Checkpoint,
}

/// What happens from the start of a process to a crash.
#[derive(Clone, Debug)]
struct Life {
    memtable_bytes: usize,
    /// When the checkpoint fails, if that ends this life.
    fault: Option<TableFault>,
    steps: Vec<CrashStep>,
    tear: Tear,
    /// Where the newest file of the journal is cut off before it is whole again.
    cut: Index,
    /// Which puts survive that were not flushed, repeated as often as needed.
    kept: Vec<bool>,
}

/// What the crash does to bytes that were written to the journal since the last sync.
#[derive(Clone, Debug)]
enum Tear {
    /// The process ended, and the system did not.
    Nothing,
    /// From there on it is empty.
    Empty(Index),
    /// From there on it is as it was.
    Before(Index),
    /// From there on it is something else.
    Garbage(Index, Vec<u8>),
    /// Blocks of this size for which the flag is set are as they were; the flags repeat.
    Blocks(usize, Vec<bool>),
}

/// The journal's newest file at the last sync.
#[derive(Default)]
struct Image {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Image {
    fn of(path: PathBuf) -> Image {
        Image { bytes: fs::read(&path).unwrap(), path }
    }

    /// Notes that the file grew when everything before this offset had been synced.
    fn grew(&mut self, end: usize) {
        let bytes = fs::read(&self.path).unwrap();
        self.bytes.resize(bytes.len(), 0);
        self.bytes[..end].copy_from_slice(&bytes[..end]);
    }

    /// Writes into the file what may be in it after a crash. Its length is durable.
    fn tear(&self, tear: &Tear) {
        let file = File::options().write(true).open(&self.path).unwrap();
        file.write_all_at(&self.torn(tear), 0).unwrap();
    }

    fn torn(&self, tear: &Tear) -> Vec<u8> {
        let mut bytes = fs::read(&self.path).unwrap();
        assert_eq!(bytes.len(), self.bytes.len());
        let written = bytes.iter().zip(&self.bytes).take_while(|(now, then)| now == then).count();
        let part = |at: &Index, of: &[u8]| written + at.index(of.len() - written + 1);
        match tear {
            Tear::Nothing => {}
            Tear::Empty(at) => {
                let at = part(at, &bytes);
                bytes[at..].fill(0);
            }
            Tear::Before(at) => {
                let at = part(at, &bytes);
                bytes[at..].copy_from_slice(&self.bytes[at..]);
            }
            Tear::Garbage(at, garbage) => {
                let at = part(at, &bytes);
                let garbage = garbage.iter().cycle().copied();
                bytes[at..].iter_mut().zip(garbage).for_each(|(byte, with)| *byte = with);
            }
            Tear::Blocks(size, torn) => {
                let before = self.bytes[written..].chunks(*size);
                let blocks = bytes[written..].chunks_mut(*size).zip(before);
                let torn = blocks.zip(torn.iter().cycle()).filter(|(_, torn)| **torn);
                torn.for_each(|((block, before), _)| block.copy_from_slice(&before[..block.len()]));
            }
        }
        bytes
    }
}

/// A machine, and what must be true of it.
struct World {
    machine: Machine,
    /// The contents after the last crash, and after each batch since then.
    history: Vec<Contents>,
    /// How many of these batches a crash must not take.
    promised: usize,
    image: Image,
}

impl World {
    fn new() -> World {
        let (machine, history) = (Machine::new(), vec![Contents::new()]);
        World { machine, history, promised: 0, image: Image::default() }
    }

    fn live(&mut self, life: &Life) -> Result<(), TestCaseError> {
        life.fault.into_iter().for_each(|fault| self.machine.table.fail(fault));
        match self.machine.try_open(life.memtable_bytes) {
            Err(error) => prop_assert!(life.fault.is_some(), "{error}"),
            Ok(engine) => {
                self.has_survived(&engine)?;
                let failed = life.steps.iter().try_for_each(|step| self.step(&engine, step));
                if let Err(Failed::Test(failed)) = failed {
                    return Err(failed);
                }
                prop_assert!(failed.is_ok() || life.fault.is_some());
                self.machine.end(engine);
                self.image.tear(&life.tear);
                self.is_refused_if_cut_off(life.cut);
            }
        }
        let keeps = |number| life.kept[number % life.kept.len()];
        let is_power_lost = !matches!(life.tear, Tear::Nothing);
        self.machine.table.crash(|number| !is_power_lost || keeps(number));
        Ok(())
    }

    /// A file that is shorter than it was is damage, wherever it ends.
    fn is_refused_if_cut_off(&self, cut: Index) {
        let whole = fs::read(&self.image.path).unwrap();
        fs::write(&self.image.path, &whole[..cut.index(whole.len())]).unwrap();
        let opened = self.machine.try_open(MEMTABLE);
        let name = self.image.path.file_name().unwrap().to_str().unwrap();
        let Err(EngineError::Damaged(reason)) = opened else { panic!("{name} was cut off") };
        assert!(reason.contains(name), "{reason}");
        fs::write(&self.image.path, whole).unwrap();
    }

    /// The contents are those after some batch, and no batch is lost that was promised to be
    /// durable.
    fn has_survived(&mut self, engine: &Journaled) -> Result<(), TestCaseError> {
        let contents = contents(engine);
        let survived = self.history[self.promised..].contains(&contents);
        prop_assert!(survived, "{contents:?} is none of {:?}", &self.history[self.promised..]);
        (self.history, self.promised) = (vec![contents], 0);
        self.image = Image::of(self.machine.newest());
        Ok(())
    }

    fn step(&mut self, engine: &Journaled, step: &CrashStep) -> Result<(), Failed> {
        match step {
            CrashStep::Apply(batch, scan) => {
                let mut contents = self.history[self.history.len() - 1].clone();
                for Write { key, value } in batch.clone() {
                    apply_change(&mut contents, key, value);
                }
                self.history.push(contents);
                // A commit that waits for the checkpoint syncs all earlier ones.
                if engine.core.is_writable() && engine.core.progress.is_behind() {
                    self.image = Image::of(self.machine.newest());
                }
                let end = usize::try_from(engine.core.journal().bytes()).unwrap() + journal::PAGE;
                let applied = apply(engine, batch.clone());
                let newest = self.machine.newest();
                if newest != self.image.path {
                    self.image = Image::of(newest);
                } else if fs::metadata(&newest).unwrap().len() != self.image.bytes.len() as u64 {
                    self.image.grew(end);
                }
                applied.or(Err(Failed::Table))?;
                self.reads(engine, batch, scan)?;
            }
            CrashStep::Sync => {
                sync(engine).or(Err(Failed::Table))?;
                self.promised = self.history.len() - 1;
                self.image = Image::of(self.machine.newest());
            }
            CrashStep::Checkpoint => {
                let fails = || !engine.core.is_writable();
                wait_until(|| is_checkpointed(&engine.core) || fails());
            }
        }
        Ok(())
    }

    fn reads(&self, engine: &Journaled, batch: &[Write], scan: &Scan) -> Result<(), TestCaseError> {
        let contents = &self.history[self.history.len() - 1];
        let before = &self.history[self.history.len() - 2];
        let touched = batch.iter().map(|write| &write.key);
        let keys: Vec<Key> = touched.chain(before.keys()).chain(&scan.after).cloned().collect();
        let values: Vec<_> = keys.iter().map(|key| contents.get(key).cloned()).collect();
        prop_assert_eq!(read_all(engine, &keys), values);
        for scan in [scan, &all(Order::Ascending), &all(Order::Descending)] {
            prop_assert_eq!(
                engine.core.view.scan(scan).unwrap(),
                expected(contents, scan),
                "{:?}",
                scan
            );
        }
        Ok(())
    }
}

/// Why a life ended early.
enum Failed {
    Table,
    Test(TestCaseError),
}

impl From<TestCaseError> for Failed {
    fn from(failed: TestCaseError) -> Failed {
        Failed::Test(failed)
    }
}

/// Keys that often begin with one another.
fn few_keys() -> impl Strategy<Value = Key> {
    vec(prop::sample::select(&[0, b'a', 0xff][..]), 0..4)
}

fn values() -> impl Strategy<Value = Value> {
    let size = prop_oneof![3 => 0usize..8, 3 => 8usize..200, 1 => 600usize..900];
    (size, any::<u8>(), any::<u8>()).prop_map(|(size, first, others)| {
        let mut value = vec![others; size];
        value.iter_mut().take(1).for_each(|byte| *byte = first);
        value
    })
}

fn batches() -> impl Strategy<Value = Vec<Write>> {
    let write = (few_keys(), prop::option::weighted(0.7, values()));
    vec(write.prop_map(|(key, value)| Write { key, value }), 0..6)
}

fn scans() -> impl Strategy<Value = Scan> {
    let prefix = vec(prop::sample::select(&[0, b'a', 0xff][..]), 0..3);
    let order = prop::sample::select(&[Order::Ascending, Order::Descending][..]);
    (prefix, prop::option::of(few_keys()), order, 0usize..8)
        .prop_map(|(prefix, after, order, limit)| Scan { prefix, after, order, limit })
}

fn steps() -> impl Strategy<Value = CrashStep> {
    prop_oneof![
        8 => (batches(), scans()).prop_map(|(batch, scan)| CrashStep::Apply(batch, scan)),
        2 => Just(CrashStep::Sync),
        1 => Just(CrashStep::Checkpoint),
    ]
}

fn tears() -> impl Strategy<Value = Tear> {
    let bools = || vec(any::<bool>(), 1..9);
    prop_oneof![
        Just(Tear::Nothing),
        any::<Index>().prop_map(Tear::Empty),
        any::<Index>().prop_map(Tear::Before),
        (any::<Index>(), vec(any::<u8>(), 1..64)).prop_map(|(at, with)| Tear::Garbage(at, with)),
        (prop::sample::select(&[8, 64, 512][..]), bools())
            .prop_map(|(size, torn)| Tear::Blocks(size, torn)),
    ]
}

fn lives() -> impl Strategy<Value = Life> {
    let how = prop::sample::select(&[How::Once, How::Permanently][..]);
    let fault = (0usize..60, how, any::<bool>()).prop_map(|(after, how, done)| TableFault {
        after,
        how,
        done,
    });
    let kept = vec(any::<bool>(), 1..9);
    let process = (200usize..6_000, prop::option::of(fault), vec(steps(), 0..24));
    (process, tears(), any::<Index>(), kept).prop_map(
        |((memtable_bytes, fault, steps), tear, cut, kept)| Life {
            memtable_bytes,
            fault,
            steps,
            tear,
            cut,
            kept,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Three lives each.
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_crash_leaves_the_contents_after_some_batch_and_every_synced_batch(
        lives in vec(lives(), 3),
    ) {
        let mut world = World::new();
        for life in &lives {
            world.live(life)?;
        }
        world.has_survived(&world.machine.open(1_000))?;
    }
}
