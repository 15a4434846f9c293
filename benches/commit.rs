//! The whole commit path, from requests to stored bytes, by engine and batch size.
//!
//! The requests of a batch are submitted at once, so one flush serves all of them. Times are those
//! of batches, throughput that of requests.

use std::{hint::black_box, sync::Arc};

use benches::new_person;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use futures_util::future::join_all;
use profile_store::{
    Engine, Store, StoreOptions, Submission, SystemIdGenerator,
    engine::{EmbeddedEngine, EmbeddedOptions, MemoryEngine},
};
use tokio::runtime::{Builder, Runtime};

const BATCHES: [usize; 4] = [1, 8, 64, 256];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Builder::new_current_thread().build().expect("a runtime can be built");
    let mut group = criterion.benchmark_group("commit");
    measure(&mut group, &runtime, "memory", Arc::new(MemoryEngine::new()));
    let directory = tempfile::tempdir().expect("a directory can be created");
    let sled = EmbeddedEngine::open(directory.path(), EmbeddedOptions::default());
    measure(&mut group, &runtime, "sled", Arc::new(sled.expect("an empty directory opens")));
    group.finish();
    criterion.final_summary();
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    name: &str,
    engine: Arc<dyn Engine>,
) {
    let id_generator = Arc::new(SystemIdGenerator::default());
    let store = runtime.block_on(Store::open(engine, id_generator, StoreOptions::default()));
    let store = store.expect("an empty store opens");
    let mut number = 0;
    for batch in BATCHES {
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::new(format!("{name}/new"), batch), |bencher| {
            bencher.iter_batched(
                || {
                    number += batch;
                    (number - batch..number).map(new_person).collect::<Vec<Submission>>()
                },
                |submissions| submit(runtime, &store, submissions),
                criterion::BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new(format!("{name}/known"), batch), |bencher| {
            bencher.iter_batched(
                || (0..batch).map(new_person).collect::<Vec<Submission>>(),
                |submissions| submit(runtime, &store, submissions),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    runtime.block_on(store.close()).expect("the store can be closed");
}

fn submit(runtime: &Runtime, store: &Store, submissions: Vec<Submission>) {
    let answers = submissions.into_iter().map(|submission| store.submit(submission));
    for answer in runtime.block_on(join_all(answers)) {
        black_box(answer.expect("the disk works"));
    }
}
