//! Files that are missing, cut off, or those of another journal.

use super::*;

/// A journal of four generations, of which the table has the first. The last has been synced.
fn four_generations() -> TestJournal {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    for number in 0..8 {
        append(&mut open, &numbered(number)).unwrap();
        if number % 2 == 1 && number < 7 {
            begin_next(&mut open);
        }
    }
    sync(&mut open).unwrap();
    journal.checkpoint(1);
    assert_eq!(generations(&*journal.disk()).unwrap(), [2, 3, 4]);
    journal
}

#[test]
fn a_file_that_is_missing_or_cut_off_anywhere_is_damage() {
    for generation in 2..=4 {
        let journal = four_generations();
        let whole = fs::read(journal.file(generation)).unwrap();
        fs::remove_file(journal.file(generation)).unwrap();
        journal.is_refused_because_of(generation);
        let lengths = [0, 1, 47, 48, PAGE - 1, PAGE, PAGE + 10, PAGE + 200, whole.len() - 1];
        for length in lengths {
            fs::write(journal.file(generation), &whole[..length]).unwrap();
            journal.is_refused_because_of(generation);
        }
        fs::write(journal.file(generation), &whole).unwrap();
        assert_eq!(journal.try_open().unwrap().1, batches(2..8));
    }
}

#[test]
fn a_journal_that_is_missing_is_damage() {
    let journal = four_generations();
    fs::remove_dir_all(journal.path("")).unwrap();
    journal.is_refused_because_of(2);
}

#[test]
fn a_table_of_another_copy_is_named_beside_the_file_that_it_expects() {
    let mut journal = four_generations();
    let mark = journal.mark.unwrap();
    let older = Mark { checkpointed: 0, ..mark };
    let newer = Mark { checkpointed: 4, ..mark };
    let closed = Mark { closed: Some(JournalEnd { generation: 5, records: 1 }), ..mark };
    let other = Mark { store: StoreId::random(), ..mark };
    for mark in [older, newer, closed, other] {
        journal.mark = Some(mark);
        let opened = journal.try_open().map(|(_, batches)| batches.len());
        let Err(EngineError::Damaged(reason)) = opened else { panic!("{opened:?}") };
        assert!(reason.starts_with("journal/0000000000000"), "{reason}");
        assert!(reason.contains("table and the journal are not of one copy"), "{reason}");
    }
}

#[test]
fn a_journal_whose_table_is_missing_is_damage() {
    let mut journal = four_generations();
    journal.mark = None;
    journal.is_refused_because_of(2);
}

#[test]
fn a_file_in_the_place_of_another_is_damage() {
    let (journal, other) = (four_generations(), four_generations());
    for generation in 2..=4 {
        let own = fs::read(journal.file(generation)).unwrap();
        fs::copy(other.file(generation), journal.file(generation)).unwrap();
        journal.is_refused_because_of(generation);
        let neighbour = if generation == 2 { 3 } else { generation - 1 };
        fs::copy(journal.file(neighbour), journal.file(generation)).unwrap();
        journal.is_refused_because_of(generation);
        fs::write(journal.file(generation), own).unwrap();
    }
    assert_eq!(journal.try_open().unwrap().1, batches(2..8));
}

#[test]
fn an_older_copy_of_a_file_is_damage() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    append(&mut open, &numbered(0)).unwrap();
    sync(&mut open).unwrap();
    let older = fs::read(journal.file(1)).unwrap();
    append(&mut open, &numbered(1)).unwrap();
    sync(&mut open).unwrap();
    let closed = journal.mark.as_mut().unwrap();
    closed.closed = Some(open.end());
    drop(open);
    let newer = fs::read(journal.file(1)).unwrap();
    fs::write(journal.file(1), &older).unwrap();
    journal.is_refused_because_of(1);
    fs::write(journal.file(1), &newer).unwrap();
    let (mut open, _) = journal.open();
    append(&mut open, &numbered(2)).unwrap();
    drop(open);
    // Its end is missing as well.
    fs::write(journal.file(1), &newer).unwrap();
    journal.is_refused_because_of(1);
}

#[test]
fn an_older_copy_of_a_file_in_the_place_of_it_and_its_successor_is_damage() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    append(&mut open, &numbered(0)).unwrap();
    sync(&mut open).unwrap();
    let older = fs::read(journal.file(1)).unwrap();
    begin_next(&mut open);
    append(&mut open, &numbered(1)).unwrap();
    journal.mark.as_mut().unwrap().closed = Some(open.end());
    drop(open);
    fs::write(journal.file(1), older).unwrap();
    let newer = fs::read(journal.file(2)).unwrap();
    fs::remove_file(journal.file(2)).unwrap();
    journal.is_refused_because_of(2);
    fs::write(journal.file(2), &newer[..PAGE]).unwrap();
    journal.is_refused_because_of(2);
}

#[test]
fn a_generation_whose_beginning_was_cut_off_has_not_begun() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    append(&mut open, &numbered(0)).unwrap();
    drop(open);
    for left in [&b""[..], &[0; 100], &fs::read(journal.file(1)).unwrap()] {
        fs::write(journal.file(2), left).unwrap();
        let (open, recovered) = journal.try_open().unwrap();
        assert_eq!((recovered, open.generation()), (batches(0..1), 2));
        drop(open);
        // As it was before the second generation began.
        let mut first = fs::read(journal.file(1)).unwrap();
        let end = PAGE + record(1, 0, 0, &numbered(0)).len();
        first[end..].fill(0);
        fs::write(journal.file(1), first).unwrap();
    }
}
