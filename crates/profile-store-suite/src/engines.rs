//! The engines that a test runs over.

use std::{path::Path, sync::Arc, thread, time::Duration};

use profile_store::{
    Engine,
    engine::{EmbeddedEngine, EmbeddedOptions, EngineError, MemoryEngine},
};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tempfile::TempDir;

/// Where one engine keeps its data: an engine that was dropped can be opened again.
pub trait EngineStorage: Send + Sync {
    /// Opens the engine, with all that earlier ones committed.
    fn open(&self) -> Arc<dyn Engine>;
}

/// Makes empty engines for tests, as many as a test needs.
pub struct Engines {
    create: Box<dyn Fn() -> Box<dyn EngineStorage>>,
    cases: u32,
}

impl Engines {
    /// Engines over the storage that `create` makes, each time empty.
    pub fn new<S: EngineStorage + 'static>(create: impl Fn() -> S + 'static) -> Engines {
        let cases = Config::default().cases;
        Engines { create: Box::new(move || Box::new(create())), cases }
    }

    /// The same, with so many cases of each property, for engines that take long to make.
    #[must_use]
    pub fn with_cases(self, cases: u32) -> Engines {
        Engines { cases, ..self }
    }

    /// Engines in memory.
    pub fn in_memory() -> Engines {
        Engines::new(|| MemoryStorage(Arc::default()))
    }

    /// Embedded engines in directories of their own, with tables of the default kind.
    pub fn on_disk() -> Engines {
        Engines::new(|| DiskStorage(tempfile::tempdir().unwrap())).with_cases(12)
    }

    /// How many cases of each property a test checks.
    pub fn cases(&self) -> u32 {
        self.cases
    }

    /// Empty storage.
    pub fn create(&self) -> Box<dyn EngineStorage> {
        (self.create)()
    }

    /// Checks that a property holds for values of this strategy.
    pub fn check<S: Strategy>(
        &self,
        strategy: S,
        property: impl Fn(S::Value) -> Result<(), TestCaseError>,
    ) {
        check(self.cases, strategy, property);
    }
}

/// Checks that a property holds for so many values of this strategy.
pub fn check<S: Strategy>(
    cases: u32,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(&strategy, property) {
        panic!("{error}");
    }
}

/// Memory, which lasts as long as the test.
struct MemoryStorage(Arc<MemoryEngine>);

impl EngineStorage for MemoryStorage {
    fn open(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.0) as _
    }
}

/// A directory with an embedded engine.
struct DiskStorage(TempDir);

impl EngineStorage for DiskStorage {
    fn open(&self) -> Arc<dyn Engine> {
        Arc::new(open_embedded(self.0.path()))
    }
}

/// Opens the embedded engine in a directory, and creates it with a table of the default kind. After
/// an engine with a table in sled was dropped, sled's own threads may keep the directory locked for
/// some milliseconds.
pub fn open_embedded(directory: &Path) -> EmbeddedEngine {
    let options = EmbeddedOptions {
        cache_bytes: 8 * 1024 * 1024,
        memtable_bytes: 8 * 1024,
        ..EmbeddedOptions::default()
    };
    for _ in 0..100 {
        match EmbeddedEngine::open(directory, options) {
            Err(EngineError::InUse) => thread::sleep(Duration::from_millis(50)),
            opened => return opened.unwrap(),
        }
    }
    panic!("the directory is still in use after five seconds");
}
