//! Many large records that follow one another: whatever reads a whole store holds a few at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use profile_store::{
    BackupSource, BackupTarget, CompanyCopy, Durability, Engine, ImportBody, ImportError,
    ImportHead, ImportJob, SystemIdGenerator, Timestamp, audit, copy, delete_company,
    engine::{
        BatchId, BoxFuture, CommitError, JournalPosition, Key, MemoryEngine, Scan, Session, Value,
        Write,
    },
    limits,
};
use profile_store_suite::{
    gated_engine::GatedEngine,
    harness::{StoreHarness, contents, wait},
    simulated_ids::{EPOCH, SimulatedIds},
    wrapped_engine::{EngineHooks, PageFuture, ScanFuture, WrappedEngine},
};

/// Results of imports, each of which has this many problems.
const RESULTS: u64 = 40;
const PROBLEMS: usize = 500;

/// Notes how many bytes were read or committed at once, at most.
#[derive(Clone, Default)]
struct LargestStep(Arc<AtomicUsize>);

impl LargestStep {
    fn note(&self, sizes: impl Iterator<Item = usize>) {
        self.0.fetch_max(sizes.sum(), SeqCst);
    }

    fn note_entries(&self, entries: &[(Key, Value)]) {
        self.note(entries.iter().map(|(key, value)| key.len() + value.len()));
    }
}

impl EngineHooks for LargestStep {
    fn scan(engine: &WrappedEngine<LargestStep>, scan: Scan) -> ScanFuture<'_> {
        Box::pin(async move {
            let entries = engine.inner.scan(scan).await?;
            engine.hooks.note_entries(&entries);
            Ok(entries)
        })
    }

    fn scan_page(engine: &WrappedEngine<LargestStep>, scan: Scan, bytes: usize) -> PageFuture<'_> {
        Box::pin(async move {
            let page = engine.inner.scan_page(scan, bytes).await?;
            engine.hooks.note_entries(&page.entries);
            Ok(page)
        })
    }

    fn commit(
        engine: WrappedEngine<LargestStep>,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        let size = |write: &Write| write.key.len() + write.value.as_ref().map_or(0, Vec::len);
        engine.hooks.note(writes.iter().map(size));
        session.commit(batch, writes, durability)
    }
}

fn metered(inner: Arc<dyn Engine>, largest: &LargestStep) -> WrappedEngine<LargestStep> {
    WrappedEngine { inner, hooks: largest.clone() }
}

fn empty(largest: &LargestStep) -> WrappedEngine<LargestStep> {
    metered(Arc::new(MemoryEngine::new()), largest)
}

/// The result of an import of which nearly all rows failed.
fn result(harness: &StoreHarness, number: u64) -> ImportJob {
    let created = Timestamp::from_millis(EPOCH + number);
    let id = harness.store.id_at(created).unwrap();
    let problem = ImportError {
        row: 1,
        code: "invalid".to_owned(),
        title: "Invalid input.".to_owned(),
        detail: "d".repeat(limits::IMPORT_TEXT_BYTES),
        pointer: "/data".to_owned(),
    };
    let (started, ended) = (Some(created), Some(created));
    ImportJob {
        head: ImportHead { id, created, started, ended, total: 1, completed: 0, failed: 1 },
        body: ImportBody { profiles: Vec::new(), errors: vec![problem; PROBLEMS] },
        rows: Vec::new(),
    }
}

#[test]
fn no_copy_backup_audit_or_deletion_holds_more_than_a_page_of_large_records() {
    let mut harness = StoreHarness::over(Arc::new(MemoryEngine::new()));
    harness.send("e:ann name=Ann");
    for number in 0..RESULTS {
        wait(harness.store.keep_import(harness.company.clone(), result(&harness, number))).unwrap();
    }
    let all = contents(harness.engine.as_ref());
    let sizes = || all.iter().map(|(key, value)| key.len() + value.len());
    let (one, whole): (usize, usize) = (sizes().max().unwrap(), sizes().sum());
    assert!(8 * limits::PAGE_BYTES < whole, "there is too little: {whole} bytes");

    let largest = LargestStep::default();
    let from = metered(Arc::<GatedEngine>::clone(&harness.engine), &largest);
    let (copied, backup, moved) = (empty(&largest), empty(&largest), empty(&largest));
    wait(copy(&from, &copied)).unwrap();
    assert_eq!(contents(copied.inner.as_ref()), all);
    wait(async {
        let mut source = BackupSource::new(&from).await.unwrap();
        let mut target = BackupTarget::begin(&backup).await.unwrap();
        let ids = SystemIdGenerator::default();
        let mut company = CompanyCopy::begin(&moved, &harness.company, &ids).await.unwrap();
        while let Some(entries) = source.next_entries().await.unwrap() {
            company.write(entries.clone()).await.unwrap();
            target.write(entries).await.unwrap();
        }
        company.finish(source.layout()).await.unwrap();
        let position = JournalPosition::from_bytes(&[1; JournalPosition::BYTES]).unwrap();
        target.finish(source.layout().to_vec(), position).await.unwrap();
    });
    for engine in [&from, &backup, &moved] {
        let audit = wait(audit(engine)).unwrap();
        assert_eq!((audit.imports, audit.breaches), (RESULTS, Vec::new()));
    }
    let deleted = wait(delete_company(&moved, &harness.company, &SimulatedIds::new())).unwrap();
    assert_eq!(deleted.unwrap().imports, RESULTS);
    let step = largest.0.load(SeqCst);
    assert!(step <= limits::PAGE_BYTES + one, "{step} bytes at once");
    assert!(limits::PAGE_BYTES <= step, "nothing large was read: {step} bytes at once");
}
