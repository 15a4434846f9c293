//! Requests to the bytes that are written, for a batch of 256: reading them from
//! memory what is known, deciding, and encoding. The engine forgets what it is given,
//! so what is left beside `decide` is decoding, encoding and handing on.

use std::{hint::black_box, sync::Arc};

use benches::{newcomer, submission};
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use futures_util::future::join_all;
use profile_store::{
    Engine, Store, StoreOptions, Submission, SystemIdGenerator,
    engine::{BoxFuture, EngineError, Key, MemoryEngine, Scan, Value, Write},
};
use tokio::runtime::{Builder, Runtime};

const BATCH: usize = 256;

/// Reads what another engine has, and writes nothing.
struct Forgetful(MemoryEngine);

impl Engine for Forgetful {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        self.0.read(keys)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        self.0.scan(scan)
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        black_box(batch);
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.0.bytes()
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Builder::new_current_thread().build().expect("a runtime can be built");
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(BATCH as u64));
    measure(&mut group, &runtime, "new", &newcomer, false);
    measure(&mut group, &runtime, "update", &changed, true);
    measure(&mut group, &runtime, "unchanged", &newcomer, true);
    group.finish();
    criterion.final_summary();
}

/// Something new about the person of this number.
fn changed(number: usize) -> Submission {
    submission(&format!(
        r#"{{"data":{{"type":"profile","attributes":{{"email":"sarah.{number}@example.com","title":"Director","properties":{{"visits":18}}}}}}}}"#
    ))
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    name: &str,
    said: &dyn Fn(usize) -> Submission,
    known: bool,
) {
    let store = runtime.block_on(filled(if known { BATCH } else { 0 }));
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            || (0..BATCH).map(said).collect::<Vec<Submission>>(),
            |submissions| runtime.block_on(submit(&store, submissions)),
            BatchSize::PerIteration,
        );
    });
    runtime.block_on(store.close()).expect("memory can be closed");
}

/// A store that knows so many people, and will know no more.
async fn filled(people: usize) -> Store {
    let (memory, id_generator) =
        (Arc::new(MemoryEngine::new()), || Box::new(SystemIdGenerator::default()));
    let engine: Arc<dyn Engine> = Arc::<MemoryEngine>::clone(&memory);
    let store = Store::open(engine, id_generator(), StoreOptions::default()).await;
    let store = store.expect("an empty store opens");
    submit(&store, (0..people).map(newcomer).collect()).await;
    store.close().await.expect("memory can be closed");
    drop(store);
    let memory = Arc::into_inner(memory).expect("whoever closed a store has let go of it");
    let engine: Arc<dyn Engine> = Arc::new(Forgetful(memory));
    Store::open(engine, id_generator(), StoreOptions::default()).await.expect("memory opens again")
}

async fn submit(store: &Store, submissions: Vec<Submission>) {
    let answers = submissions.into_iter().map(|submission| store.submit(submission));
    for answer in join_all(answers).await {
        black_box(answer.expect("memory does not fail"));
    }
}
