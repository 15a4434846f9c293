//! The record of a change: how the record of a profile differs from the one before.
//!
//! A change knows nothing of what a profile is. It names the parts of the record before that stay,
//! and has the bytes of those that are new. So it is not much larger than what a request wrote,
//! however large the profile is. This also holds for a request that adds to a long list, or removes
//! from it: elements of a property that is an array stay, too.

use std::ops::Range;

use ahash::HashMap;

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    profile::{decode_last_outcome, part_ranges, property_of_part},
};

const VERSION: u8 = 1;

/// The change that turns one record of a profile into another.
#[derive(Debug)]
pub(crate) struct ProfileChange {
    pub(crate) record: Vec<u8>,
    /// How many steps it has.
    pub(crate) steps: usize,
}

/// The change from `before` to `after`, both of them records of a profile. `base` is the record
/// that all changes so far started with.
pub(crate) fn encode_change(
    base: Option<u64>,
    before: &[u8],
    after: &[u8],
) -> Result<ProfileChange, InvalidRecord> {
    let mut steps = ChangeSteps::new(base);
    let mut old = OldParts::new(before)?;
    for part in parts(after)? {
        if let Some(at) = old.same(part) {
            let kept = old.skip_to(at, &mut steps);
            steps.copy(kept.len());
        } else if let Some(at) = old.property_like(part) {
            let replaced = old.skip_to(at, &mut steps);
            change_property(&mut steps, replaced, part);
        } else {
            steps.insert(part);
        }
    }
    old.skip_to(old.parts.len(), &mut steps);
    Ok(steps.finish())
}

fn parts(record: &[u8]) -> Result<Vec<&[u8]>, InvalidRecord> {
    let ranges = part_ranges(record)?.into_iter();
    Ok(ranges.map(|range| bytes(record, range)).collect())
}

/// The parts of the record before, of which some were passed.
struct OldParts<'r> {
    parts: Vec<&'r [u8]>,
    /// The position of each part.
    positions: HashMap<&'r [u8], usize>,
    /// The position of each property, by its name.
    properties: HashMap<&'r [u8], usize>,
    /// The position of the first part that was not passed.
    next: usize,
}

impl<'r> OldParts<'r> {
    fn new(record: &'r [u8]) -> Result<OldParts<'r>, InvalidRecord> {
        let parts = parts(record)?;
        let positions = parts.iter().copied().zip(0..).collect();
        let names = parts.iter().map(|part| property_of_part(part).map(|(name, _)| name));
        let properties = names.zip(0..).filter_map(|(name, at)| Some((name?, at))).collect();
        Ok(OldParts { parts, positions, properties, next: 0 })
    }

    /// The position of the same part, unless it was passed.
    fn same(&self, part: &[u8]) -> Option<usize> {
        self.positions.get(part).copied().filter(|at| self.next <= *at)
    }

    /// The position of the property with the same name, unless it was passed.
    fn property_like(&self, part: &[u8]) -> Option<usize> {
        let (name, _) = property_of_part(part)?;
        self.properties.get(name).copied().filter(|at| self.next <= *at)
    }

    /// Leaves out the parts before this position, and passes the one there.
    fn skip_to(&mut self, at: usize, steps: &mut ChangeSteps) -> &'r [u8] {
        let between = self.parts.get(self.next..at).unwrap_or_default();
        steps.skip(between.iter().map(|part| part.len()).sum());
        self.next = at + 1;
        self.parts.get(at).copied().unwrap_or_default()
    }
}

/// The change of a property to another value.
fn change_property(steps: &mut ChangeSteps, old: &[u8], new: &[u8]) {
    let (Some(olds), Some(news)) = (elements(old), elements(new)) else {
        steps.skip(old.len());
        steps.insert(new);
        return;
    };
    // Tag, name and length.
    steps.replace(bytes(old, 0..start_of(&olds)), bytes(new, 0..start_of(&news)));
    let mut olds = olds.into_iter();
    for (range, separator) in news {
        let element = bytes(new, range);
        // Elements are only removed, and added at the end.
        let mut is_kept = false;
        for (range, old_separator) in olds.by_ref() {
            let before = bytes(old, range);
            is_kept = before == element;
            if is_kept {
                steps.copy(before.len());
                steps.replace(bytes(old, old_separator), bytes(new, separator.clone()));
                break;
            }
            steps.skip(before.len() + old_separator.len());
        }
        if !is_kept {
            steps.insert(element);
            steps.insert(bytes(new, separator));
        }
    }
    steps.skip(olds.map(|(range, separator)| range.len() + separator.len()).sum());
}

fn start_of(elements: &[(Range<usize>, Range<usize>)]) -> usize {
    elements.first().map_or(0, |(element, _)| element.start)
}

/// The elements of a part that is a property whose value is an array with any, and what follows
/// each of them.
fn elements(part: &[u8]) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let (_, value) = property_of_part(part)?;
    let inner = value.strip_prefix(b"[")?.strip_suffix(b"]").filter(|inner| !inner.is_empty())?;
    let mut start = part.len() - value.len() + 1;
    let mut found = Vec::new();
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for (&byte, at) in inner.iter().zip(start..) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                found.push((start..at, at..at + 1));
                start = at + 1;
            }
            _ => {}
        }
    }
    let end = part.len() - 1;
    found.push((start..end, end..part.len()));
    Some(found)
}

fn bytes(all: &[u8], range: Range<usize>) -> &[u8] {
    all.get(range).unwrap_or_default()
}

/// The steps of a change: so many bytes are copied, so many are left out, and these are inserted.
struct ChangeSteps {
    writer: RecordWriter,
    count: usize,
    copied: usize,
    skipped: usize,
    inserted: Vec<u8>,
}

impl ChangeSteps {
    fn new(base: Option<u64>) -> ChangeSteps {
        let mut writer = RecordWriter::new(VERSION);
        writer.number(base.unwrap_or(0));
        ChangeSteps { writer, count: 0, copied: 0, skipped: 0, inserted: Vec::new() }
    }

    fn copy(&mut self, count: usize) {
        if 0 < count {
            self.end_step();
            self.copied += count;
        }
    }

    fn skip(&mut self, count: usize) {
        self.skipped += count;
    }

    fn insert(&mut self, bytes: &[u8]) {
        self.inserted.extend_from_slice(bytes);
    }

    fn replace(&mut self, old: &[u8], new: &[u8]) {
        if old == new {
            self.copy(old.len());
        } else {
            self.skip(old.len());
            self.insert(new);
        }
    }

    fn end_step(&mut self) {
        if 0 < self.skipped || !self.inserted.is_empty() {
            self.writer.count(self.copied);
            self.writer.count(self.skipped);
            self.writer.blob(&self.inserted);
            self.count += 1;
            (self.copied, self.skipped) = (0, 0);
            self.inserted.clear();
        }
    }

    fn finish(mut self) -> ProfileChange {
        self.end_step();
        ProfileChange { record: self.writer.finish(), steps: self.count }
    }
}

/// A record with changes, as the pieces of which it consists.
#[derive(Debug)]
pub(crate) struct ChangedRecord<'r> {
    base: Option<u64>,
    pieces: Vec<&'r [u8]>,
}

impl<'r> ChangedRecord<'r> {
    /// A record without changes.
    pub(crate) fn new(record: &'r [u8]) -> Result<ChangedRecord<'r>, InvalidRecord> {
        Ok(ChangedRecord { base: decode_last_outcome(record)?, pieces: vec![record] })
    }

    /// How many pieces there are.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Applies the next change.
    pub(crate) fn apply(&mut self, change: &'r [u8]) -> Result<(), InvalidRecord> {
        let mut reader = RecordReader::new(change, VERSION)?;
        if reader.number()? != self.base.unwrap_or(0) {
            return Err(InvalidRecord::Base);
        }
        let mut rest = std::mem::take(&mut self.pieces).into_iter();
        let mut piece = rest.next().unwrap_or_default();
        let mut advance = |count: usize, mut each: Option<&mut Vec<&'r [u8]>>| {
            let mut left = count;
            while 0 < left {
                if piece.is_empty() {
                    piece = rest.next().ok_or(InvalidRecord::Truncated)?;
                }
                let (taken, after) = piece.split_at(left.min(piece.len()));
                left -= taken.len();
                piece = after;
                each.iter_mut().for_each(|pieces| pieces.push(taken));
            }
            Ok::<_, InvalidRecord>(())
        };
        let mut pieces = Vec::new();
        while !reader.is_empty() {
            advance(reader.size()?, Some(&mut pieces))?;
            advance(reader.size()?, None)?;
            let inserted = reader.blob()?;
            pieces.extend((!inserted.is_empty()).then_some(inserted));
        }
        pieces.extend((!piece.is_empty()).then_some(piece));
        pieces.extend(rest);
        self.pieces = pieces;
        Ok(())
    }

    /// The record with all changes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Profile, arbitrary::profiles, layout::record::encode_profile};

    /// A record after changes.
    fn changed(record: &[u8], changes: &[Vec<u8>]) -> Result<Vec<u8>, InvalidRecord> {
        let mut result = ChangedRecord::new(record)?;
        changes.iter().try_for_each(|change| result.apply(change))?;
        Ok(result.bytes())
    }

    fn base_of(record: &[u8]) -> Option<u64> {
        decode_last_outcome(record).unwrap()
    }

    /// The record of a profile with one property.
    fn with_property(value: &str) -> Vec<u8> {
        let head = [1, 3, 4, 9];
        let length = u8::try_from(value.len()).unwrap();
        [&head[..], b"\x07\x01n", &[length], value.as_bytes()].concat()
    }

    fn change_of_property(before: &str, after: &str) -> Vec<u8> {
        let [before, after] = [before, after].map(with_property);
        let change = encode_change(Some(9), &before, &after).unwrap().record;
        assert_eq!(changed(&before, std::slice::from_ref(&change)), Ok(after));
        change
    }

    #[test]
    fn the_layout_of_a_change_never_changes() {
        let before =
            [&[1, 3, 4, 9][..], b"\x02\x06a@b.co", b"\x07\x01m\x011", b"\x20\x02An"].concat();
        let after =
            [&[1, 3, 5, 10][..], b"\x02\x06a@b.co", b"\x07\x01m\x012", b"\x20\x02An"].concat();
        let expected =
            [&[1, 9][..], &[0, 4, 4, 1, 3, 5, 10], &[8, 5, 5], b"\x07\x01m\x012"].concat();
        assert_eq!(encode_change(Some(9), &before, &after).unwrap().record, expected);
        assert_eq!(changed(&before, &[expected]), Ok(after));
    }

    #[test]
    fn of_a_list_only_what_joins_and_leaves_it_is_written() {
        let long = r#"["one, [and] \"more","two",{"a":[3,4]},5]"#;
        let same = change_of_property(long, long).len();
        for (after, bytes) in [
            (r#"["one, [and] \"more","two",{"a":[3,4]},5,"six"]"#, 30),
            (r#"["two",{"a":[3,4]},5]"#, 14),
            (r#"["one, [and] \"more",{"a":[3,4]}]"#, 22),
            ("[]", 12),
        ] {
            let change = change_of_property(long, after);
            assert!(change.len() <= same + bytes, "{after}: {}", change.len());
        }
    }

    #[test]
    fn a_change_of_another_record_or_beyond_its_end_is_not_applied() {
        let record = with_property("1");
        assert_eq!(changed(&record, &[vec![1, 8]]), Err(InvalidRecord::Base));
        assert_eq!(changed(&record, &[vec![2, 9]]), Err(InvalidRecord::Version(2)));
        assert_eq!(changed(&record, &[vec![1, 9, 99, 0, 0]]), Err(InvalidRecord::Truncated));
        assert_eq!(changed(&record, &[vec![1, 9, 0, 99, 0]]), Err(InvalidRecord::Truncated));
        assert_eq!(changed(&record, &[vec![1, 9, 0]]), Err(InvalidRecord::Truncated));
        assert_eq!(changed(&record, &[vec![1, 9]]), Ok(record.clone()));
    }

    proptest! {
        #[test]
        fn a_record_with_its_changes_is_the_last_one(all in prop::collection::vec(profiles(), 1..6)) {
            let records: Vec<Vec<u8>> = all.iter().map(encode_profile).collect();
            let base = base_of(&records[0]);
            let changes: Vec<Vec<u8>> = records
                .windows(2)
                .map(|pair| encode_change(base, &pair[0], &pair[1]).unwrap().record)
                .collect();
            prop_assert_eq!(changed(&records[0], &changes), Ok(records[records.len() - 1].clone()));
        }

        #[test]
        fn a_change_is_no_larger_than_what_is_new(profile in profiles(), other in profiles()) {
            let added = Profile { identifiers: other.identifiers, ..profile.clone() };
            let [before, after] = [&profile, &added].map(encode_profile);
            let change = encode_change(base_of(&before), &before, &after).unwrap();
            let identifiers = encode_profile(&Profile {
                identifiers: added.identifiers,
                ..Profile::new(profile.id, profile.created)
            });
            prop_assert!(change.record.len() <= identifiers.len() + 16 + 3 * change.steps);
        }

        #[test]
        fn applying_any_bytes_never_panics(profile in profiles(), change in prop::collection::vec(any::<u8>(), 0..40)) {
            let record = encode_profile(&profile);
            let base = u8::try_from(base_of(&record).unwrap_or(0) & 0x7f).unwrap();
            let _ = changed(&record, &[[&[1, base][..], &change].concat()]);
        }
    }
}
