//! Where a restore ends: with everything, at a time, or at a position in the journal.

use std::str::FromStr;

use profile_protocol::NamedTime;
use profile_store::{Timestamp, engine::JournalPosition};

/// Where a restore ends.
#[derive(Clone, Copy, Debug, Default)]
pub enum RestoreEnd {
    /// After the last batch of the archive.
    #[default]
    Everything,
    /// Before the first batch with an outcome after this time.
    Time(NamedTime),
    /// After the batch at this position.
    Position(BatchNumber),
}

impl RestoreEnd {
    /// Whether the batch that ends at this position, with this newest outcome, is left out.
    pub(super) fn excludes(self, position: JournalPosition, time: Option<Timestamp>) -> bool {
        match self {
            RestoreEnd::Everything => false,
            RestoreEnd::Time(until) => time.is_some_and(|time| timestamp(until) < time),
            RestoreEnd::Position(number) => position.is_beyond(&number.in_journal_of(position)),
        }
    }
}

/// A time, as outcomes have it.
fn timestamp(time: NamedTime) -> Timestamp {
    Timestamp::from_millis(time.unix_millis())
}

/// A position in the journal, as `gateway backup` prints it: `12:345` is behind record 345 of
/// generation 12.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BatchNumber {
    generation: u64,
    records: u32,
}

impl BatchNumber {
    /// The position in the journal that another position is in.
    pub(super) fn in_journal_of(self, other: JournalPosition) -> JournalPosition {
        other.elsewhere(self.generation, self.records)
    }
}

/// The text is no position.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be a position as `gateway backup` prints it, such as 12:345")]
pub struct InvalidBatchNumber;

impl FromStr for BatchNumber {
    type Err = InvalidBatchNumber;

    fn from_str(text: &str) -> Result<BatchNumber, InvalidBatchNumber> {
        let (generation, records) = text.split_once(':').ok_or(InvalidBatchNumber)?;
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(generation) || !is_digits(records) {
            return Err(InvalidBatchNumber);
        }
        let generation = generation.parse().or(Err(InvalidBatchNumber))?;
        Ok(BatchNumber { generation, records: records.parse().or(Err(InvalidBatchNumber))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_printed() {
        let read = |text: &str| text.parse::<BatchNumber>();
        assert_eq!(read("12:345"), Ok(BatchNumber { generation: 12, records: 345 }));
        assert_eq!(read("1:0"), Ok(BatchNumber { generation: 1, records: 0 }));
        for text in ["", ":", "12", "12:", ":3", "+1:2", "1:-2", "1:2:3", "1: 2", "1:4294967296"] {
            assert_eq!(read(text), Err(InvalidBatchNumber), "{text}");
        }
    }
}
