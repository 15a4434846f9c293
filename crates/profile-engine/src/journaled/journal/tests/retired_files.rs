//! Files whose changes are in the table.

use super::*;

#[test]
fn the_oldest_generations_are_retired_first() {
    let journal = TestJournal::new();
    let disk = journal.disk();
    let store = StoreId::random();
    (1..=4).for_each(|generation| drop(begin(&*disk, store, generation, STEP).unwrap()));
    // The second cannot be retired.
    fs::remove_file(journal.file(2)).unwrap();
    fs::create_dir(journal.file(2)).unwrap();
    retire(&*disk, 3, PAGE as u64, STEP).unwrap_err();
    assert_eq!(generations(&*disk).unwrap(), [2, 3, 4]);
    fs::remove_dir(journal.file(2)).unwrap();
    retire(&*disk, 3, PAGE as u64, STEP).unwrap();
    assert_eq!(generations(&*disk).unwrap(), [4]);
    assert!(journal.path(SPARE).exists());
}

#[test]
fn a_retired_file_has_nothing_behind_its_last_batch() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    let two_steps = usize::try_from(2 * STEP).unwrap();
    let long = vec![put(b"key", &vec![7; two_steps])];
    append(&mut open, &long).unwrap();
    begin_next(&mut open);
    journal.checkpoint(1);
    begin_next(&mut open);
    append(&mut open, &numbered(1)).unwrap();
    begin_next(&mut open);
    let written_over = fs::read(journal.file(3)).unwrap();
    assert!(two_steps < written_over.len() && written_over.ends_with(&[0, 0]));
    assert!(written_over.windows(9).any(|bytes| bytes == [7; 9]), "the old batch is there");
    let end = open.end_before();
    retire(&*journal.disk(), 3, end, STEP).unwrap();
    let retired = fs::read(journal.path(SPARE)).unwrap();
    assert_eq!(retired.len() as u64, PAGE as u64 + STEP);
    let (kept, behind) = retired.split_at(usize::try_from(end).unwrap());
    assert!(kept == &written_over[..kept.len()] && kept.ends_with(&record(3, 0, 0, &numbered(1))));
    assert!(behind.iter().all(|byte| *byte == 0));
}
