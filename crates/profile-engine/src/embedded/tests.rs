//! What the table of a directory has, without its journal.

use std::{collections::BTreeMap, thread, time::Duration};

use super::*;
use crate::{BatchId, Durability, Order, Write};

const CACHE_BYTES: u64 = 16 * 1_024 * 1_024;

/// Opens the engine, waits for the checkpoint that a start makes, commits, and closes it.
async fn start_and_commit(directory: &Path, table: TableKind, writes: Vec<Write>) {
    let options = EmbeddedOptions { table, cache_bytes: CACHE_BYTES, ..EmbeddedOptions::default() };
    let engine = EmbeddedEngine::open(directory, options).unwrap();
    let is_checkpointed = |_| {
        thread::sleep(Duration::from_millis(1));
        journal_files(directory) <= 1
    };
    assert!((0..30_000).any(is_checkpointed), "the checkpoint of the start does not end");
    let session = engine.begin(Place::of_key(b"", engine.places())).await.unwrap();
    let batch = BatchId { writer: 1, number: 0 };
    session.commit(batch, writes, Durability::Flushed).await.unwrap();
    engine.close().unwrap();
}

/// How many generations of the journal have files.
fn journal_files(directory: &Path) -> usize {
    let names = fs::read_dir(directory.join(JOURNAL)).unwrap();
    let paths = names.map(|name| name.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "journal")).count()
}

/// What the table alone has.
fn table_contents(directory: &Path) -> BTreeMap<Key, Value> {
    let opened = File::open(directory).unwrap();
    let table = table_files::open_read_only(directory, &opened, CACHE_BYTES).unwrap();
    let all = Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: usize::MAX };
    table.scan(&all).unwrap().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_entries_leave_the_table_at_the_checkpoint_of_the_next_start() {
    for table in [TableKind::Redb, TableKind::Sled] {
        let directory = tempfile::tempdir().unwrap();
        let key = |number: u32| number.to_be_bytes().to_vec();
        let stored = |number: u32| (key(number), vec![7; 1_000]);
        let put = |number| Write { key: key(number), value: Some(stored(number).1) };
        let remove = |number| Write { key: key(number), value: None };
        start_and_commit(directory.path(), table, (0..200).map(put).collect()).await;
        start_and_commit(directory.path(), table, (0..150).map(remove).collect()).await;
        assert_eq!(table_contents(directory.path()), (0..200).map(stored).collect(), "{table:?}");
        start_and_commit(directory.path(), table, Vec::new()).await;
        assert_eq!(table_contents(directory.path()), (150..200).map(stored).collect(), "{table:?}");
    }
}
