//! The primitive parts of records.

use std::{ops::Range, str::FromStr};

use profile_protocol::ProfileId;

use super::InvalidRecord;

/// A record that is being written.
#[derive(Debug, Default)]
pub(super) struct RecordWriter {
    bytes: Vec<u8>,
}

impl RecordWriter {
    pub(super) fn new(version: u8) -> RecordWriter {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(version);
        RecordWriter { bytes }
    }

    /// Reserves memory for this many further bytes.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while 0x7f < number {
            self.bytes.push(0x80 | low_seven_bits(number));
            number >>= 7;
        }
        self.bytes.push(low_seven_bits(number));
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }

    pub(super) fn blob(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn id(&mut self, id: ProfileId) {
        self.bits(id.bits());
    }

    pub(super) fn bits(&mut self, bits: u128) {
        self.bytes.extend_from_slice(&bits.to_be_bytes());
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The lowest seven bits of a number.
fn low_seven_bits(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low & 0x7f
}

/// A record that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordReader<'a> {
    /// The length of the record.
    length: usize,
    /// The bytes that are not read yet.
    rest: &'a [u8],
}

impl<'a> RecordReader<'a> {
    /// Starts to read a part of a record, which has no version.
    pub(super) fn part(bytes: &'a [u8]) -> RecordReader<'a> {
        RecordReader { length: bytes.len(), rest: bytes }
    }

    /// Starts to read a record of this version.
    pub(super) fn new(bytes: &'a [u8], version: u8) -> Result<RecordReader<'a>, InvalidRecord> {
        let mut reader = RecordReader::part(bytes);
        match reader.byte()? {
            found if found == version => Ok(reader),
            found => Err(InvalidRecord::Version(found)),
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, InvalidRecord> {
        let (&byte, rest) = self.rest.split_first().ok_or(InvalidRecord::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, InvalidRecord> {
        let mut number: u64 = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return Err(InvalidRecord::Value);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(InvalidRecord::Value)
    }

    /// A number of bytes.
    pub(super) fn size(&mut self) -> Result<usize, InvalidRecord> {
        usize::try_from(self.number()?).or(Err(InvalidRecord::Value))
    }

    /// A number of items of at least one byte each, which must follow.
    pub(super) fn count(&mut self) -> Result<usize, InvalidRecord> {
        let count = self.size()?;
        if self.rest.len() < count { Err(InvalidRecord::Truncated) } else { Ok(count) }
    }

    pub(super) fn blob(&mut self) -> Result<&'a [u8], InvalidRecord> {
        let count = self.count()?;
        self.take(count)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, InvalidRecord> {
        std::str::from_utf8(self.blob()?).or(Err(InvalidRecord::Value))
    }

    /// A text that is parsed as a `T`.
    pub(super) fn parsed<T: FromStr>(&mut self) -> Result<T, InvalidRecord> {
        self.text()?.parse().or(Err(InvalidRecord::Value))
    }

    pub(super) fn id(&mut self) -> Result<ProfileId, InvalidRecord> {
        self.bits().map(ProfileId::from_bits)
    }

    pub(super) fn bits(&mut self) -> Result<u128, InvalidRecord> {
        let bits = self.take(size_of::<u128>())?.try_into().or(Err(InvalidRecord::Truncated))?;
        Ok(u128::from_be_bytes(bits))
    }

    /// The position in the record of the last `count` bytes that were read.
    pub(super) fn range_of_last(&self, count: usize) -> Range<usize> {
        let end = self.length - self.rest.len();
        end - count..end
    }

    pub(super) fn finish(self) -> Result<(), InvalidRecord> {
        if self.rest.is_empty() { Ok(()) } else { Err(InvalidRecord::TooLong) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], InvalidRecord> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(InvalidRecord::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}
