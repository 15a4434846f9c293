//! From requests to the bytes to write, for a batch of 256. The engine reads from memory and
//! discards writes, so the time beyond `decide` is that of decoding, encoding and queueing.

use std::{future::ready, hint::black_box, num::NonZeroU32, sync::Arc};

use benches::{new_person, submission};
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use futures_util::future::join_all;
use profile_store::{
    Durability, Engine, Store, StoreOptions, Submission, SystemIdGenerator,
    engine::{
        BatchId, BoxFuture, CommitError, EngineError, Key, MemoryEngine, Place, RangePage, Scan,
        Session, Value, Write,
    },
};
use tokio::runtime::{Builder, Runtime};

const BATCH: usize = 256;

/// Reads from another engine, and discards writes.
#[derive(Clone)]
struct DiscardingEngine(Arc<MemoryEngine>);

impl Engine for DiscardingEngine {
    fn places(&self) -> NonZeroU32 {
        self.0.places()
    }

    fn begin(&self, _place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(ready(Ok(Box::new(self.clone()) as Box<dyn Session>)))
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.0.read(keys)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.0.scan(scan)
    }

    fn scan_page(&self, scan: Scan, bytes: usize) -> BoxFuture<'_, Result<RangePage, EngineError>> {
        self.0.scan_page(scan, bytes)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(ready(Ok(())))
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.0.bytes()
    }

    fn is_writable(&self) -> bool {
        true
    }
}

impl Session for DiscardingEngine {
    fn read(&mut self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.0.read(keys)
    }

    fn scan(&mut self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.0.scan(scan)
    }

    fn is_committed(&mut self, _batch: BatchId) -> BoxFuture<'_, Result<bool, EngineError>> {
        Box::pin(ready(Ok(true)))
    }

    fn commit(
        self: Box<Self>,
        _batch: BatchId,
        writes: Vec<Write>,
        _durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        black_box(writes);
        Box::pin(ready(Ok(())))
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Builder::new_current_thread().build().expect("a runtime can be built");
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(BATCH as u64));
    measure(&mut group, &runtime, "new", &new_person, false);
    measure(&mut group, &runtime, "update", &change, true);
    measure(&mut group, &runtime, "unchanged", &new_person, true);
    group.finish();
    criterion.final_summary();
}

/// A submission that changes the person with this number.
fn change(number: usize) -> Submission {
    submission(&format!(
        r#"{{"data":{{"type":"profile","attributes":{{"email":"sarah.{number}@example.com","title":"Director","properties":{{"visits":18}}}}}}}}"#
    ))
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    name: &str,
    person: &dyn Fn(usize) -> Submission,
    are_stored: bool,
) {
    let store = runtime.block_on(filled(if are_stored { BATCH } else { 0 }));
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            || (0..BATCH).map(person).collect::<Vec<Submission>>(),
            |submissions| runtime.block_on(submit(&store, submissions)),
            BatchSize::PerIteration,
        );
    });
    runtime.block_on(store.close()).expect("memory can be closed");
}

/// A store that has so many people, and discards writes.
async fn filled(people: usize) -> Store {
    let (memory, id_generator) =
        (Arc::new(MemoryEngine::new()), || Arc::new(SystemIdGenerator::default()));
    let engine: Arc<dyn Engine> = Arc::<MemoryEngine>::clone(&memory);
    let store = Store::open(engine, id_generator(), StoreOptions::default()).await;
    let store = store.expect("an empty store opens");
    submit(&store, (0..people).map(new_person).collect()).await;
    store.close().await.expect("memory can be closed");
    drop(store);
    let engine: Arc<dyn Engine> = Arc::new(DiscardingEngine(memory));
    Store::open(engine, id_generator(), StoreOptions::default()).await.expect("memory opens again")
}

async fn submit(store: &Store, submissions: Vec<Submission>) {
    let answers = submissions.into_iter().map(|submission| store.submit(submission));
    for answer in join_all(answers).await {
        black_box(answer.expect("memory does not fail"));
    }
}
