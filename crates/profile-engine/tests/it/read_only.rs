//! Databases that are opened for reading.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use profile_engine::{
    EmbeddedEngine, EmbeddedOptions, Engine, EngineError, Key, Place, TableKind, Value,
};

use crate::embedded::{PLACES, batch, commit, contents, options, paged};

const CACHE_BYTES: u64 = 16 * 1_024 * 1_024;

/// A memtable that is not checkpointed in these tests.
const LARGE_MEMTABLE: usize = 64 * 1_024 * 1_024;

type DatabaseContents = BTreeMap<Key, Value>;

/// The content of each file, and when it was changed last.
type Files = BTreeMap<PathBuf, (Vec<u8>, SystemTime)>;

fn paths(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        let within = if path.is_dir() { paths(&path) } else { Vec::new() };
        [vec![path], within].concat()
    };
    entries.flat_map(below).collect()
}

fn files(directory: &Path) -> Files {
    let read = |path: PathBuf| {
        let modified = path.metadata().unwrap().modified().unwrap();
        let content = if path.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
        (path, (content, modified))
    };
    paths(directory).into_iter().map(read).collect()
}

/// Copies a directory. The copy of one that is open is what a killed process leaves.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copied = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &copied);
        } else {
            fs::copy(entry.path(), copied).unwrap();
        }
    }
}

fn set_modes(directory: &Path, of_directories: u32, of_files: u32) {
    for path in paths(directory).into_iter().chain([directory.to_owned()]) {
        let mode = if path.is_dir() { of_directories } else { of_files };
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
}

async fn fill(engine: &EmbeddedEngine) -> DatabaseContents {
    for place in Place::all(PLACES) {
        for number in 0..60 {
            commit(engine, place, number, batch(place, number)).await;
        }
    }
    contents(engine).await
}

/// A database with its contents, closed, or left by a process that was killed.
async fn database(
    options: EmbeddedOptions,
    is_killed: bool,
) -> (tempfile::TempDir, DatabaseContents) {
    let [live, left] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let engine = EmbeddedEngine::open(live.path(), options).unwrap();
    let contents = fill(&engine).await;
    if is_killed {
        copy(live.path(), left.path());
        (left, contents)
    } else {
        drop(engine);
        (live, contents)
    }
}

/// Databases of each kind, with all of their contents in the journal or most of them in the table.
async fn databases() -> Vec<(tempfile::TempDir, DatabaseContents)> {
    let mut databases = Vec::new();
    for table in [TableKind::Redb, TableKind::Sled] {
        let large = EmbeddedOptions { table, memtable_bytes: LARGE_MEMTABLE, ..options() };
        databases.push(database(large, true).await);
        databases.push(database(large, false).await);
        databases.push(database(EmbeddedOptions { table, ..options() }, false).await);
    }
    databases
}

#[tokio::test]
async fn a_database_is_read_as_it_is_and_no_byte_of_it_changes() {
    for (directory, expected) in databases().await {
        set_modes(directory.path(), 0o500, 0o400);
        let before = files(directory.path());
        let engine = EmbeddedEngine::open_read_only(directory.path(), CACHE_BYTES).unwrap();
        assert_eq!(contents(&engine).await, expected);
        for bytes in [1, 900, 5_000] {
            assert_eq!(paged(&engine, bytes).await, expected);
        }
        let keys: Vec<Key> = expected.keys().cloned().chain([b"missing".to_vec()]).collect();
        let values: Vec<_> = keys.iter().map(|key| expected.get(key).cloned()).collect();
        assert_eq!(engine.read(keys).await.unwrap(), values);
        assert!(0 < engine.bytes().await.unwrap());
        engine.sync().await.unwrap();
        drop(engine);
        assert!(files(directory.path()) == before);
        set_modes(directory.path(), 0o700, 0o600);
        let engine = EmbeddedEngine::open(directory.path(), options()).unwrap();
        assert_eq!(contents(&engine).await, expected);
        assert_eq!(paged(&engine, 900).await, expected);
    }
}

#[tokio::test]
async fn a_table_that_a_killed_process_left_in_the_middle_of_its_work_is_read() {
    let (directory, expected) = database(options(), false).await;
    // Opened once more, the table says that a process has it open.
    let engine = EmbeddedEngine::open(directory.path(), options()).unwrap();
    while 0 < journal_files_to_checkpoint(directory.path()) {
        tokio::task::yield_now().await;
    }
    let left = tempfile::tempdir().unwrap();
    copy(directory.path(), left.path());
    drop(engine);
    let before = files(left.path());
    let engine = EmbeddedEngine::open_read_only(left.path(), CACHE_BYTES).unwrap();
    assert_eq!(contents(&engine).await, expected);
    drop(engine);
    assert!(files(left.path()) == before);
}

/// How many files of the journal precede the newest.
fn journal_files_to_checkpoint(directory: &Path) -> usize {
    let of_journal = paths(&directory.join("journal"));
    of_journal.iter().filter(|path| path.extension().is_some()).count() - 1
}

#[tokio::test]
async fn a_database_that_is_open_for_reading_accepts_no_session() {
    let (directory, _) = database(options(), false).await;
    let engine = EmbeddedEngine::open_read_only(directory.path(), CACHE_BYTES).unwrap();
    assert!(!engine.is_writable());
    for place in Place::all(engine.places()) {
        assert!(matches!(engine.begin(place).await, Err(EngineError::ReadOnly)));
    }
}

#[tokio::test]
async fn many_may_read_a_database_and_none_of_them_while_another_writes() {
    for table in [TableKind::Redb, TableKind::Sled] {
        let options = EmbeddedOptions { table, ..options() };
        let (directory, expected) = database(options, false).await;
        let read = || EmbeddedEngine::open_read_only(directory.path(), CACHE_BYTES);
        let (first, second) = (read().unwrap(), read().unwrap());
        assert_eq!(contents(&first).await, contents(&second).await);
        if table == TableKind::Redb {
            let opened = EmbeddedEngine::open(directory.path(), options);
            assert!(matches!(opened, Err(EngineError::InUse)));
        }
        drop((first, second));
        let writing = EmbeddedEngine::open(directory.path(), options).unwrap();
        assert!(matches!(read(), Err(EngineError::InUse)));
        drop(writing);
        assert_eq!(contents(&read().unwrap()).await, expected);
    }
}

#[tokio::test]
async fn a_database_without_one_of_its_parts_is_opened_neither_way() {
    for part in ["table.redb", "journal"] {
        let (directory, _) = database(options(), false).await;
        assert!(EmbeddedEngine::is_in(directory.path()).unwrap());
        let path = directory.path().join(part);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        assert!(EmbeddedEngine::is_in(directory.path()).unwrap());
        let left = paths(directory.path());
        let read = EmbeddedEngine::open_read_only(directory.path(), CACHE_BYTES).map(drop);
        let Err(EngineError::Damaged(reason)) = read else { panic!("{read:?}") };
        assert!(reason.starts_with(part), "{reason}");
        assert_eq!(paths(directory.path()), left);
        let opened = EmbeddedEngine::open(directory.path(), options()).map(drop);
        let Err(EngineError::Damaged(again)) = opened else { panic!("{opened:?}") };
        assert_eq!(again, reason);
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(!EmbeddedEngine::is_in(empty.path()).unwrap());
    assert!(!EmbeddedEngine::is_in(&empty.path().join("missing")).unwrap());
}

#[tokio::test]
async fn a_process_that_ended_while_it_created_the_table_leaves_no_database() {
    for left in [&b""[..], &[0; 10_000], b"redb\x1a\x0a\xa9\x0d\x0a"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("table.new"), left).unwrap();
        assert!(!EmbeddedEngine::is_in(directory.path()).unwrap());
        let engine = EmbeddedEngine::open(directory.path(), options()).unwrap();
        let expected = fill(&engine).await;
        drop(engine);
        assert!(!directory.path().join("table.new").exists());
        let engine = EmbeddedEngine::open(directory.path(), options()).unwrap();
        assert_eq!(contents(&engine).await, expected);
    }
}
