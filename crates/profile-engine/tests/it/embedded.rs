//! The embedded engine on a real disk.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use profile_engine::{
    BatchId, Durability, EmbeddedEngine, EmbeddedOptions, Engine, EngineError, Key, MemoryEngine,
    Order, Place, Scan, TableKind, Value, Write,
};

pub(crate) const PLACES: NonZeroU32 = NonZeroU32::new(4).unwrap();

/// Small memtables, so that much is checkpointed.
pub(crate) fn options() -> EmbeddedOptions {
    EmbeddedOptions {
        cache_bytes: 16 * 1_024 * 1_024,
        memtable_bytes: 64 * 1_024,
        places: PLACES,
        table: TableKind::Redb,
    }
}

pub(crate) async fn commit(engine: &dyn Engine, place: Place, number: u64, writes: Vec<Write>) {
    let session = engine.begin(place).await.unwrap();
    let batch = BatchId { writer: 1, number };
    session.commit(batch, writes, Durability::Flushed).await.unwrap();
}

pub(crate) fn batch(place: Place, number: u64) -> Vec<Write> {
    let key = |name: String| format!("tenant {}\0{name}", place.number()).into_bytes();
    let value = Some(vec![u8::try_from(number % 251).unwrap(); 500]);
    vec![
        Write { key: key(format!("key {number:04}")), value: value.clone() },
        Write { key: key("hot".to_owned()), value },
        Write { key: key(format!("key {:04}", number / 2)), value: None },
    ]
}

pub(crate) async fn contents(engine: &dyn Engine) -> BTreeMap<Key, Value> {
    let scan = Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: usize::MAX };
    engine.scan(scan).await.unwrap().into_iter().collect()
}

/// All contents, read in pages that end with the entry by which they have so many bytes.
pub(crate) async fn paged(engine: &dyn Engine, bytes: usize) -> BTreeMap<Key, Value> {
    let (prefix, order, limit) = (Vec::new(), Order::Ascending, usize::MAX);
    let mut rest = Scan { prefix, after: None, order, limit };
    let mut contents = BTreeMap::new();
    loop {
        let page = engine.scan_page(rest.clone(), bytes).await.unwrap();
        let sizes = page.entries.iter().map(|(key, value)| key.len() + value.len());
        assert!(sizes.rev().skip(1).sum::<usize>() < bytes);
        contents.extend(page.entries);
        rest.after = page.next_after;
        if rest.after.is_none() {
            return contents;
        }
    }
}

/// Commits the same batches in every place, side by side.
async fn fill(engine: Arc<dyn Engine>) {
    let lanes = Place::all(PLACES).map(|place| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            for number in 0..150 {
                commit(&*engine, place, number, batch(place, number)).await;
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_that_commit_side_by_side_leave_what_the_model_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let engine: Arc<dyn Engine> =
        Arc::new(EmbeddedEngine::open(directory.path(), options()).unwrap());
    let model: Arc<dyn Engine> = Arc::new(MemoryEngine::with_places(PLACES));
    fill(Arc::clone(&engine)).await;
    fill(Arc::clone(&model)).await;
    let expected = contents(&*model).await;
    assert_eq!(contents(&*engine).await, expected);
    let keys: Vec<Key> = expected.keys().cloned().chain([b"missing".to_vec()]).collect();
    assert_eq!(engine.read(keys.clone()).await.unwrap(), model.read(keys).await.unwrap());
    assert!(0 < engine.bytes().await.unwrap());
    drop(engine);
    // The number of places may change from one opening to the next.
    let options = EmbeddedOptions { places: NonZeroU32::MIN, ..options() };
    let engine = EmbeddedEngine::open(directory.path(), options).unwrap();
    assert_eq!(contents(&engine).await, expected);
}

#[test]
fn a_directory_is_open_in_one_engine_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(directory.path(), options()).unwrap();
    let second = EmbeddedEngine::open(directory.path(), options());
    assert!(matches!(second, Err(EngineError::InUse)));
    drop(engine);
    EmbeddedEngine::open(directory.path(), options()).unwrap();
}

#[test]
fn there_are_as_many_places_as_processors_within_a_bound() {
    let places = EmbeddedOptions::default().places.get();
    assert!(1 <= places);
    let directory = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(directory.path(), EmbeddedOptions::default()).unwrap();
    assert_eq!(engine.places().get(), places.min(profile_engine::limits::MAX_PLACES));
}
