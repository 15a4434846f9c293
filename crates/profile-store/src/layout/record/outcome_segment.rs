//! The record of a run: outcomes of one company whose numbers follow one another.
//!
//! Outcomes of one batch are kept together, since to write a key costs far more than
//! to write what it leads to.

use super::{
    InvalidRecord,
    bytes::{Reader, Writer},
    outcome::{decode_outcome, encode_outcome},
};
use crate::{Outcome, limits};

const VERSION: u8 = 3;

/// A run in the making.
#[derive(Debug)]
pub(crate) struct OutcomeSegment {
    last: u64,
    writer: Writer,
}

impl OutcomeSegment {
    /// The run that begins with this outcome.
    pub(crate) fn of(outcome: &Outcome) -> OutcomeSegment {
        OutcomeSegment::begin(outcome.sequence, &encoded(outcome))
    }

    fn begin(sequence: u64, outcome: &[u8]) -> OutcomeSegment {
        let mut writer = Writer::new(VERSION);
        writer.blob(outcome);
        OutcomeSegment { last: sequence, writer }
    }

    /// Adds an outcome. If it is not the next, or there is no more room, it begins a
    /// run of its own, and the one so far is returned.
    pub(crate) fn add(&mut self, outcome: &Outcome) -> Option<OutcomeSegment> {
        let bytes = encoded(outcome);
        let follows = self.last.checked_add(1) == Some(outcome.sequence);
        if !follows || limits::RUN_BYTES < self.writer.len() + bytes.len() {
            return Some(std::mem::replace(self, OutcomeSegment::begin(outcome.sequence, &bytes)));
        }
        self.writer.blob(&bytes);
        self.last = outcome.sequence;
        None
    }

    /// The number of its last outcome, which is in its key.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn into_record(self) -> Vec<u8> {
        self.writer.finish()
    }
}

fn encoded(outcome: &Outcome) -> Vec<u8> {
    let mut writer = Writer::default();
    encode_outcome(&mut writer, outcome);
    writer.finish()
}

/// The outcomes of the run that ends with this number.
pub(crate) fn decode_run(last: u64, record: &[u8]) -> Result<Vec<Outcome>, InvalidRecord> {
    decode_rest_of_run(last, record, 0)
}

/// Those of them that come after another number. What comes before is not looked at.
pub(crate) fn decode_rest_of_run(
    last: u64,
    record: &[u8],
    after: u64,
) -> Result<Vec<Outcome>, InvalidRecord> {
    let rest = numbered(last, record)?.filter(|(sequence, _)| after < *sequence);
    rest.map(|(sequence, bytes)| decoded(sequence, bytes)).collect()
}

/// The outcome of this number out of the run that ends with `last`, if it is there.
pub(crate) fn decode_of_run(
    last: u64,
    record: &[u8],
    wanted: u64,
) -> Result<Option<Outcome>, InvalidRecord> {
    let found = numbered(last, record)?.find(|(sequence, _)| *sequence == wanted);
    found.map(|(sequence, bytes)| decoded(sequence, bytes)).transpose()
}

/// The bytes of each outcome of a run, with its number.
fn numbered(last: u64, record: &[u8]) -> Result<impl Iterator<Item = (u64, &[u8])>, InvalidRecord> {
    let mut reader = Reader::new(record, VERSION)?;
    let mut outcomes = vec![reader.blob()?];
    while !reader.is_empty() {
        outcomes.push(reader.blob()?);
    }
    // Outcomes are numbered from one.
    let before = last.checked_sub(outcomes.len() as u64).ok_or(InvalidRecord::Value)?;
    Ok((before + 1..=last).zip(outcomes))
}

fn decoded(sequence: u64, bytes: &[u8]) -> Result<Outcome, InvalidRecord> {
    let mut reader = Reader::part(bytes);
    let outcome = decode_outcome(sequence, &mut reader)?;
    reader.finish()?;
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};

    use super::*;
    use crate::arbitrary::outcomes;

    /// These outcomes with numbers that follow one another, and the records of them.
    fn stored(first: u64, mut all: Vec<Outcome>) -> (Vec<Outcome>, Vec<(u64, Vec<u8>)>) {
        for (outcome, sequence) in all.iter_mut().zip(first..) {
            outcome.sequence = sequence;
        }
        let mut runs = Vec::new();
        let mut run = OutcomeSegment::of(&all[0]);
        runs.extend(all[1..].iter().filter_map(|outcome| run.add(outcome)));
        runs.push(run);
        (all, runs.into_iter().map(|run| (run.last(), run.into_record())).collect())
    }

    proptest! {
        #[test]
        fn what_was_added_comes_back_with_the_numbers_it_had(
            first in 1..u64::MAX / 2,
            all in vec(outcomes(), 1..40),
        ) {
            let (all, records) = stored(first, all);
            let read = records.iter().flat_map(|(last, record)| decode_run(*last, record).unwrap());
            prop_assert!(read.eq(all.iter().cloned()));
            for outcome in &all {
                let holds = |(last, _): &&(u64, Vec<u8>)| outcome.sequence <= *last;
                let (last, record) = records.iter().find(holds).unwrap();
                let one = decode_of_run(*last, record, outcome.sequence).unwrap();
                prop_assert_eq!(one.as_ref(), Some(outcome));
            }
        }

        #[test]
        fn a_run_takes_no_more_room_than_it_may_unless_one_outcome_does(
            all in vec(outcomes(), 1..40),
        ) {
            for (last, record) in stored(1, all).1 {
                let alone = decode_run(last, &record).unwrap().len() == 1;
                // A few bytes say how long the last one is.
                prop_assert!(alone || record.len() <= limits::RUN_BYTES + 3);
            }
        }
    }

    #[test]
    fn an_outcome_that_does_not_follow_begins_a_run_of_its_own() {
        let mut runner = TestRunner::deterministic();
        let tree = outcomes().new_tree(&mut runner).unwrap();
        let at = |sequence| Outcome { sequence, ..tree.current() };
        let mut run = OutcomeSegment::of(&at(5));
        assert_eq!(run.add(&at(7)).map(|run| run.last()), Some(5));
        assert_eq!(decode_run(7, &run.into_record()), Ok(vec![at(7)]));
    }

    #[test]
    fn no_run_is_empty_or_begins_before_the_first_number() {
        assert_eq!(decode_run(1, &[VERSION]), Err(InvalidRecord::Truncated));
        let two = [VERSION, 1, 0, 1, 0];
        assert_eq!(decode_run(1, &two), Err(InvalidRecord::Value));
        assert_eq!(decode_of_run(2, &two, 3), Ok(None));
        assert_eq!(decode_of_run(u64::MAX, &two, 3), Ok(None));
    }
}
