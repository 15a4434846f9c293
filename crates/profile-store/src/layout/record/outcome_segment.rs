//! The record of an outcome segment: consecutive outcomes of one company.
//!
//! Outcomes of one batch share a record, since writing a key costs far more than writing its
//! value.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    outcome::{decode_origin, decode_outcome, decode_request_ids, encode_outcome},
};
use crate::{Outcome, RequestSender, limits};

const VERSION: u8 = 5;

/// The version whose outcomes have no senders.
const WITHOUT_SENDERS: u8 = 4;

/// The version whose outcomes have no ids of their requests.
const WITHOUT_REQUEST_IDS: u8 = 3;

/// An outcome segment that is being written.
#[derive(Debug)]
pub(crate) struct OutcomeSegment {
    last: u64,
    writer: RecordWriter,
}

impl OutcomeSegment {
    /// The segment that starts with this outcome.
    pub(crate) fn from_outcome(outcome: &Outcome) -> OutcomeSegment {
        OutcomeSegment::start(outcome.sequence, &encoded(outcome))
    }

    fn start(sequence: u64, outcome: &[u8]) -> OutcomeSegment {
        let mut writer = RecordWriter::new(VERSION);
        writer.blob(outcome);
        OutcomeSegment { last: sequence, writer }
    }

    /// Adds an outcome. If it is not the next one, or if the segment is full, the outcome starts a
    /// new segment, and the previous segment is returned.
    pub(crate) fn add(&mut self, outcome: &Outcome) -> Option<OutcomeSegment> {
        let bytes = encoded(outcome);
        let follows = self.last.checked_add(1) == Some(outcome.sequence);
        if !follows || limits::SEGMENT_BYTES < self.writer.len() + bytes.len() {
            return Some(std::mem::replace(self, OutcomeSegment::start(outcome.sequence, &bytes)));
        }
        self.writer.blob(&bytes);
        self.last = outcome.sequence;
        None
    }

    /// The number of the last outcome, which is in the key.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn into_record(self) -> Vec<u8> {
        self.writer.finish()
    }
}

fn encoded(outcome: &Outcome) -> Vec<u8> {
    let mut writer = RecordWriter::default();
    encode_outcome(&mut writer, outcome);
    writer.finish()
}

/// The outcomes of the segment that ends with this number.
pub(crate) fn decode_segment(last: u64, record: &[u8]) -> Result<Vec<Outcome>, InvalidRecord> {
    decode_segment_after(last, record, 0)
}

/// The outcomes of the segment after another number. Earlier outcomes are not decoded.
pub(crate) fn decode_segment_after(
    last: u64,
    record: &[u8],
    after: u64,
) -> Result<Vec<Outcome>, InvalidRecord> {
    let rest = numbered(last, record)?.filter(|outcome| after < outcome.sequence);
    rest.map(EncodedOutcome::decode).collect()
}

/// The outcomes of the segment before another number. Later outcomes are not decoded.
pub(crate) fn decode_segment_before(
    last: u64,
    record: &[u8],
    before: u64,
) -> Result<Vec<Outcome>, InvalidRecord> {
    let earlier = numbered(last, record)?.take_while(|outcome| outcome.sequence < before);
    earlier.map(EncodedOutcome::decode).collect()
}

/// The outcome with the number `wanted` of the segment that ends with `last`, if it has one.
pub(crate) fn decode_outcome_in_segment(
    last: u64,
    record: &[u8],
    wanted: u64,
) -> Result<Option<Outcome>, InvalidRecord> {
    let found = numbered(last, record)?.find(|outcome| outcome.sequence == wanted);
    found.map(EncodedOutcome::decode).transpose()
}

/// An outcome of a segment before it is decoded.
struct EncodedOutcome<'r> {
    version: u8,
    sequence: u64,
    bytes: &'r [u8],
}

impl EncodedOutcome<'_> {
    fn decode(self) -> Result<Outcome, InvalidRecord> {
        let mut reader = RecordReader::part(self.bytes);
        let outcome = decode_outcome(self.sequence, &mut reader)?;
        let request_ids = match self.version {
            WITHOUT_REQUEST_IDS => None,
            _ => decode_request_ids(&mut reader)?,
        };
        let (sender, push_token) = match self.version {
            WITHOUT_REQUEST_IDS | WITHOUT_SENDERS => (RequestSender::default(), None),
            _ => decode_origin(&mut reader)?,
        };
        reader.finish()?;
        Ok(Outcome { request_ids, push_token, sender, ..outcome })
    }
}

/// The outcomes of a segment, with their numbers.
fn numbered(
    last: u64,
    record: &[u8],
) -> Result<impl Iterator<Item = EncodedOutcome<'_>>, InvalidRecord> {
    let mut reader = RecordReader::part(record);
    let version = reader.byte()?;
    if ![VERSION, WITHOUT_SENDERS, WITHOUT_REQUEST_IDS].contains(&version) {
        return Err(InvalidRecord::Version(version));
    }
    let mut outcomes = vec![reader.blob()?];
    while !reader.is_empty() {
        outcomes.push(reader.blob()?);
    }
    // Outcomes are numbered from one.
    let before = last.checked_sub(outcomes.len() as u64).ok_or(InvalidRecord::Value)?;
    let numbered = (before + 1..=last).zip(outcomes);
    Ok(numbered.map(move |(sequence, bytes)| EncodedOutcome { version, sequence, bytes }))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};

    use super::*;
    use crate::arbitrary::outcomes;

    /// These outcomes with consecutive numbers, and their records.
    fn stored(first: u64, mut all: Vec<Outcome>) -> (Vec<Outcome>, Vec<(u64, Vec<u8>)>) {
        for (outcome, sequence) in all.iter_mut().zip(first..) {
            outcome.sequence = sequence;
        }
        let mut segments = Vec::new();
        let mut segment = OutcomeSegment::from_outcome(&all[0]);
        segments.extend(all[1..].iter().filter_map(|outcome| segment.add(outcome)));
        segments.push(segment);
        (all, segments.into_iter().map(|segment| (segment.last(), segment.into_record())).collect())
    }

    proptest! {
        #[test]
        fn outcomes_are_decoded_with_their_numbers(
            first in 1..u64::MAX / 2,
            all in vec(outcomes(), 1..40),
        ) {
            let (all, records) = stored(first, all);
            let read = records.iter().flat_map(|(last, record)| decode_segment(*last, record).unwrap());
            prop_assert!(read.eq(all.iter().cloned()));
            for outcome in &all {
                let holds = |(last, _): &&(u64, Vec<u8>)| outcome.sequence <= *last;
                let (last, record) = records.iter().find(holds).unwrap();
                let one = decode_outcome_in_segment(*last, record, outcome.sequence).unwrap();
                prop_assert_eq!(one.as_ref(), Some(outcome));
            }
        }

        #[test]
        fn a_segment_exceeds_its_limit_only_with_a_single_outcome(
            all in vec(outcomes(), 1..40),
        ) {
            for (last, record) in stored(1, all).1 {
                let alone = decode_segment(last, &record).unwrap().len() == 1;
                // The length of the last outcome takes a few bytes.
                prop_assert!(alone || record.len() <= limits::SEGMENT_BYTES + 3);
            }
        }
    }

    #[test]
    fn an_outcome_that_is_not_the_next_starts_a_segment() {
        let mut runner = TestRunner::deterministic();
        let tree = outcomes().new_tree(&mut runner).unwrap();
        let at = |sequence| Outcome { sequence, ..tree.current() };
        let mut segment = OutcomeSegment::from_outcome(&at(5));
        assert_eq!(segment.add(&at(7)).map(|segment| segment.last()), Some(5));
        assert_eq!(decode_segment(7, &segment.into_record()), Ok(vec![at(7)]));
    }

    #[test]
    fn a_segment_is_not_empty_and_does_not_start_before_the_first_number() {
        assert_eq!(decode_segment(1, &[VERSION]), Err(InvalidRecord::Truncated));
        let two = [VERSION, 1, 0, 1, 0];
        assert_eq!(decode_segment(1, &two), Err(InvalidRecord::Value));
        assert_eq!(decode_outcome_in_segment(2, &two, 3), Ok(None));
        assert_eq!(decode_outcome_in_segment(u64::MAX, &two, 3), Ok(None));
    }
}
