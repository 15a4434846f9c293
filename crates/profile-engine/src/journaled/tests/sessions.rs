//! What sessions promise, and that no future blocks the thread that polls it.

use std::{
    num::NonZeroU32,
    pin::pin,
    task::{Context, Poll, Waker},
};

use tokio::time::timeout;

use super::*;
use crate::{
    BatchId, CommitError, Engine, Place, Session, journaled::simulated_disk::SimulatedDisk,
};

const PLACES: NonZeroU32 = NonZeroU32::new(2).unwrap();

struct Fixture {
    disk: SimulatedDisk,
    table: SimulatedTable,
    engine: JournaledEngine,
}

impl Fixture {
    fn new() -> Fixture {
        let (disk, table) = (SimulatedDisk::new(), SimulatedTable::default());
        let pace = Pace { memtable_bytes: 1_000_000, stall_limit: HOLD_LIMIT };
        let opened =
            Journaled::open_on(Box::new(table.clone()), Arc::new(disk.clone()), pace, None);
        let journaled = opened.unwrap();
        checkpointed(&journaled);
        Fixture { disk, table, engine: JournaledEngine::new(journaled, PLACES) }
    }

    async fn begin(&self, place: usize) -> Box<dyn Session> {
        self.engine.begin(self::place(place)).await.unwrap()
    }

    /// Whether no session of this place can begin now.
    async fn is_locked(&self, place: usize) -> bool {
        let begun = timeout(Duration::from_millis(20), self.engine.begin(self::place(place)));
        begun.await.is_err()
    }

    async fn read(&self, key: &str) -> Option<Value> {
        self.engine.read(vec![key.into()]).await.unwrap().remove(0)
    }
}

fn place(number: usize) -> Place {
    Place::all(PLACES).nth(number).unwrap()
}

fn batch(number: u64) -> BatchId {
    BatchId { writer: 7, number }
}

fn commit(
    session: Box<dyn Session>,
    number: u64,
    key: &str,
) -> BoxFuture<'static, Result<(), CommitError>> {
    session.commit(batch(number), vec![put(key, "value")], Durability::Flushed)
}

fn poll<F: Future + ?Sized + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn sessions_of_one_place_follow_one_another() {
    let fixture = Fixture::new();
    let first = fixture.begin(0).await;
    assert!(fixture.is_locked(0).await);
    commit(first, 1, "a").await.unwrap();
    let mut second = fixture.begin(0).await;
    assert_eq!(second.read(vec![b"a".to_vec()]).await.unwrap(), [Some(b"value".to_vec())]);
    assert_eq!(second.scan(all(Order::Ascending)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_place_is_locked_until_its_commit_is_on_disk() {
    let fixture = Fixture::new();
    let session = fixture.begin(0).await;
    fixture.disk.hold_syncs();
    let committing = tokio::spawn(commit(session, 1, "a"));
    assert!(fixture.is_locked(0).await);
    fixture.disk.release_syncs();
    committing.await.unwrap().unwrap();
    assert!(!fixture.is_locked(0).await);
}

#[tokio::test]
async fn sessions_of_two_places_overlap_and_share_a_sync() {
    let fixture = Fixture::new();
    let [first, second] = [fixture.begin(0).await, fixture.begin(1).await];
    fixture.disk.hold_syncs();
    let first = tokio::spawn(commit(first, 1, "a"));
    let has_begun = async {
        while fixture.disk.state().begun == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(HOLD_LIMIT, has_begun).await.unwrap();
    let second = tokio::spawn(commit(second, 1, "b"));
    while fixture.read("b").await.is_none() {}
    assert!(!first.is_finished() && !second.is_finished());
    fixture.disk.release_syncs();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(fixture.disk.state().ended, 2);
}

#[tokio::test]
async fn a_commit_goes_through_although_its_future_is_dropped() {
    let fixture = Fixture::new();
    let session = fixture.begin(0).await;
    fixture.disk.hold_syncs();
    let mut committing = commit(session, 1, "a");
    assert!(poll(&mut committing).is_pending());
    drop(committing);
    assert!(fixture.is_locked(0).await);
    fixture.disk.release_syncs();
    let mut next = fixture.begin(0).await;
    assert!(next.is_committed(batch(1)).await.unwrap());
    assert_eq!(next.read(vec![b"a".to_vec()]).await.unwrap(), [Some(b"value".to_vec())]);
    assert_eq!(fixture.disk.state().ended, 1);
}

#[tokio::test]
async fn a_dropped_session_changes_nothing_and_frees_its_place() {
    let fixture = Fixture::new();
    drop(fixture.begin(0).await);
    assert!(!fixture.is_locked(0).await);
    assert_eq!(fixture.engine.scan(all(Order::Ascending)).await.unwrap(), []);
}

#[tokio::test]
async fn the_newest_batch_of_each_writer_is_known_to_be_committed() {
    let fixture = Fixture::new();
    for number in 1..=3 {
        let session = fixture.begin(0).await;
        commit(session, number, "a").await.unwrap();
    }
    let mut session = fixture.begin(0).await;
    assert!(session.is_committed(batch(3)).await.unwrap());
    assert!(!session.is_committed(batch(4)).await.unwrap());
    assert!(!session.is_committed(BatchId { writer: 8, number: 3 }).await.unwrap());
    let mut elsewhere = fixture.begin(1).await;
    assert!(!elsewhere.is_committed(batch(3)).await.unwrap());
}

#[tokio::test]
async fn a_commit_that_failed_is_not_known_to_be_committed() {
    let fixture = Fixture::new();
    fixture.disk.fail_write_after(0);
    let failed = commit(fixture.begin(0).await, 1, "a").await;
    assert!(matches!(failed, Err(CommitError::Failed(EngineError::Io(_)))));
    assert!(!fixture.engine.is_writable());
    let mut session = fixture.begin(0).await;
    assert!(!session.is_committed(batch(1)).await.unwrap());
    let failed = commit(session, 2, "a").await;
    assert!(matches!(failed, Err(CommitError::Failed(EngineError::Poisoned))));
    assert!(matches!(fixture.engine.sync().await, Err(EngineError::Poisoned)));
    assert_eq!(fixture.read("a").await, None);
}

#[tokio::test]
async fn a_relaxed_commit_returns_before_it_is_on_disk_and_a_sync_after() {
    let fixture = Fixture::new();
    fixture.disk.hold_syncs();
    let session = fixture.begin(0).await;
    session.commit(batch(1), vec![put("a", "value")], Durability::Relaxed).await.unwrap();
    assert_eq!(fixture.disk.state().begun, 0);
    let mut syncing = fixture.engine.sync();
    assert!(timeout(Duration::from_millis(20), &mut syncing).await.is_err());
    fixture.disk.release_syncs();
    syncing.await.unwrap();
    assert_eq!(fixture.disk.state().ended, 1);
}

#[test]
fn a_read_that_the_memtables_answer_needs_no_other_thread() {
    let fixture = Fixture::new();
    let writes = vec![put("a", "value"), put("gone", "value"), remove("gone")];
    fixture.engine.journaled.core.commit(writes, Durability::Relaxed).unwrap();
    // There is no runtime here whose threads it could use.
    let mut reading = fixture.engine.read(["gone", "a"].map(Vec::from).to_vec());
    let Poll::Ready(Ok(values)) = poll(&mut reading) else { panic!("the read waits") };
    assert_eq!(values, [None, Some(b"value".to_vec())]);
    let mut reading = fixture.engine.read(Vec::new());
    assert!(poll(&mut reading).is_ready());
}

#[tokio::test]
async fn no_future_blocks_the_thread_that_polls_it() {
    let fixture = Fixture::new();
    let (blocked, unblock) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let (is_blocked, may_go_on) = (Arc::clone(&blocked), Arc::clone(&unblock));
    fixture.table.meanwhile(move || {
        wait_until(|| may_go_on.load(SeqCst));
        is_blocked.store(false, SeqCst);
    });
    let mut reading = fixture.engine.read(vec![b"of the table".to_vec()]);
    assert!(poll(&mut reading).is_pending());
    let mut scanning = fixture.engine.scan(all(Order::Ascending));
    assert!(poll(&mut scanning).is_pending());
    fixture.disk.hold_syncs();
    let mut committing = commit(fixture.begin(0).await, 1, "a");
    assert!(poll(&mut committing).is_pending());
    let mut syncing = fixture.engine.sync();
    assert!(poll(&mut syncing).is_pending());
    assert!(blocked.load(SeqCst));
    unblock.store(true, SeqCst);
    fixture.disk.release_syncs();
    assert_eq!(reading.await.unwrap(), [None]);
    assert!(scanning.await.unwrap().len() < 2);
    committing.await.unwrap();
    syncing.await.unwrap();
}

#[tokio::test]
async fn a_place_that_does_not_exist_has_no_session() {
    let fixture = Fixture::new();
    let other = Place::all(NonZeroU32::new(3).unwrap()).last().unwrap();
    assert!(matches!(fixture.engine.begin(other).await, Err(EngineError::Damaged(_))));
}

#[test]
fn an_engine_has_as_many_places_as_asked_for_within_a_bound() {
    for (asked, expected) in
        [(1, 1), (2, 2), (limits::MAX_PLACES, limits::MAX_PLACES), (u32::MAX, limits::MAX_PLACES)]
    {
        let journaled = Machine::new().open(MEMTABLE);
        let engine = JournaledEngine::new(journaled, NonZeroU32::new(asked).unwrap());
        assert_eq!(engine.places().get(), expected);
    }
}
