//! The frames in which a gateway sends a backup, and gets a company: one byte for the kind, the
//! length of the content in 4 bytes, the content, and the CRC-32 of the kind and the content, all
//! numbers big-endian.

use std::io::{self, Read};

use profile_store::engine::{JournalPosition, Write, decode_writes, encode_writes};

use crate::limits;

/// One part of a backup.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    /// Entries of a whole copy.
    Entries(Vec<Write>),
    /// A batch of the journal, and the position after it.
    Batch(JournalPosition, Vec<Write>),
    /// The last frame of a whole copy: its layout, and how far it goes.
    EndOfCopy(JournalPosition, Vec<u8>),
    /// The last frame of batches.
    EndOfBatches,
    /// The last frame of the entries of one company: the layout of their store.
    EndOfCompany(Vec<u8>),
}

const ENTRIES: u8 = b'e';
const BATCH: u8 = b'b';
const END_OF_COPY: u8 = b'C';
const END_OF_BATCHES: u8 = b'B';
const END_OF_COMPANY: u8 = b'M';

/// The bytes before the content: the kind and the length.
const HEAD_BYTES: usize = 5;

/// The bytes of the checksum.
const SUM_BYTES: usize = 4;

/// Why the bytes are not a backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFrame {
    /// The bytes end, or cannot be read.
    #[error("the backup was cut off")]
    CutOff(#[source] io::Error),
    /// The checksum is not that of the content, or the content has another form.
    #[error("the backup was changed on its way")]
    Changed,
    /// The frame is larger than any that is sent.
    #[error("the backup has a part that is too large")]
    TooLarge,
}

impl Frame {
    /// Its bytes. `None` if it is too large.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let kind = match self {
            Frame::Entries(entries) => {
                encode_writes(&mut content, entries)?;
                ENTRIES
            }
            Frame::Batch(position, batch) => {
                content.extend(position.to_bytes());
                encode_writes(&mut content, batch)?;
                BATCH
            }
            Frame::EndOfCopy(position, layout) => {
                content.extend(position.to_bytes());
                content.extend(layout);
                END_OF_COPY
            }
            Frame::EndOfBatches => END_OF_BATCHES,
            Frame::EndOfCompany(layout) => {
                content.extend(layout);
                END_OF_COMPANY
            }
        };
        let length = u32::try_from(content.len()).ok()?;
        (content.len() <= limits::BACKUP_FRAME_BYTES).then_some(())?;
        let sum = checksum(kind, &content).to_be_bytes();
        Some([&[kind][..], &length.to_be_bytes(), &content, &sum].concat())
    }

    /// Reads the next frame.
    pub(super) fn read(from: &mut impl Read) -> Result<Frame, InvalidFrame> {
        let [kind] = bytes(from)?;
        let length = usize::try_from(u32::from_be_bytes(bytes(from)?)).unwrap_or(usize::MAX);
        if limits::BACKUP_FRAME_BYTES < length {
            return Err(InvalidFrame::TooLarge);
        }
        let mut content = vec![0; length];
        from.read_exact(&mut content).map_err(InvalidFrame::CutOff)?;
        let sum = u32::from_be_bytes(bytes(from)?);
        if sum != checksum(kind, &content) {
            return Err(InvalidFrame::Changed);
        }
        Frame::decode(kind, &content).ok_or(InvalidFrame::Changed)
    }

    /// Takes the first frame out of some bytes, once all of it is there.
    pub(crate) fn take(from: &mut Vec<u8>) -> Result<Option<Frame>, InvalidFrame> {
        let Some([_, length @ ..]) = from.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if limits::BACKUP_FRAME_BYTES < length {
            return Err(InvalidFrame::TooLarge);
        }
        let end = HEAD_BYTES + length + SUM_BYTES;
        let Some(mut whole) = from.get(..end) else { return Ok(None) };
        let frame = Frame::read(&mut whole)?;
        from.drain(..end);
        Ok(Some(frame))
    }

    fn decode(kind: u8, content: &[u8]) -> Option<Frame> {
        let after_position = || {
            let (position, rest) = content.split_at_checked(JournalPosition::BYTES)?;
            Some((JournalPosition::from_bytes(position)?, rest))
        };
        match kind {
            ENTRIES => decode_writes(content).map(Frame::Entries),
            BATCH => {
                let (position, batch) = after_position()?;
                Some(Frame::Batch(position, decode_writes(batch)?))
            }
            END_OF_COPY => after_position()
                .map(|(position, layout)| Frame::EndOfCopy(position, layout.to_vec())),
            END_OF_BATCHES => content.is_empty().then_some(Frame::EndOfBatches),
            END_OF_COMPANY => Some(Frame::EndOfCompany(content.to_vec())),
            _ => None,
        }
    }
}

fn bytes<const N: usize>(from: &mut impl Read) -> Result<[u8; N], InvalidFrame> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(InvalidFrame::CutOff)?;
    Ok(bytes)
}

fn checksum(kind: u8, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(content);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames() -> impl Strategy<Value = Frame> {
        let write = (any::<Vec<u8>>(), any::<Option<Vec<u8>>>());
        let writes = || {
            let write = write.clone().prop_map(|(key, value)| Write { key, value });
            prop::collection::vec(write, 0..5)
        };
        let position =
            any::<[u8; 28]>().prop_map(|bytes| JournalPosition::from_bytes(&bytes).unwrap());
        prop_oneof![
            writes().prop_map(Frame::Entries),
            (position.clone(), writes())
                .prop_map(|(position, batch)| Frame::Batch(position, batch)),
            (position, any::<Vec<u8>>()).prop_map(|(end, layout)| Frame::EndOfCopy(end, layout)),
            Just(Frame::EndOfBatches),
            any::<Vec<u8>>().prop_map(Frame::EndOfCompany),
        ]
    }

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_sent_and_no_part_of_it_is(frame in frames(), at: usize) {
            let bytes = frame.encode().unwrap();
            let mut rest = &bytes[..];
            prop_assert_eq!(Frame::read(&mut rest).unwrap(), frame);
            prop_assert!(rest.is_empty());
            let cut = Frame::read(&mut &bytes[..at % bytes.len()]);
            prop_assert!(matches!(cut, Err(InvalidFrame::CutOff(_))), "{cut:?}");
        }

        #[test]
        fn a_frame_is_taken_once_all_of_it_has_arrived(frame in frames(), at: usize) {
            let whole = frame.encode().unwrap();
            let mut bytes = whole[..at % whole.len()].to_vec();
            prop_assert_eq!(Frame::take(&mut bytes).unwrap(), None);
            bytes.extend(&whole[at % whole.len()..]);
            bytes.extend(b"next");
            prop_assert_eq!(Frame::take(&mut bytes).unwrap(), Some(frame));
            prop_assert_eq!(bytes, b"next");
        }

        #[test]
        fn a_frame_that_was_changed_is_refused(frame in frames(), at: usize, bit in 0..8_u8) {
            let mut bytes = frame.encode().unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(Frame::read(&mut &bytes[..]).is_err());
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = Frame::read(&mut &bytes[..]);
        }
    }

    #[test]
    fn a_length_beyond_the_limit_reserves_no_memory() {
        let huge = [&[ENTRIES][..], &u32::MAX.to_be_bytes()].concat();
        assert!(matches!(Frame::read(&mut &huge[..]), Err(InvalidFrame::TooLarge)));
        assert!(matches!(Frame::take(&mut huge.clone()), Err(InvalidFrame::TooLarge)));
    }
}
