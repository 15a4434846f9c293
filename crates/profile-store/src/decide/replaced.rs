//! Replaced values: what a profile notes about values that clients replace.

use std::collections::BTreeSet;

use profile_protocol::{Attributes, Change, ChangedAttribute, Field, Patch};

use crate::{
    Authored, RequestSender, Timestamp, limits,
    model::replaced::{AttributeDigest, AttributeValue, KeptValue, ReplacedValue, ValueDigest},
};

/// An attribute that a request of a client changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Replaced {
    attribute: AttributeDigest,
    before: Option<KeptValue>,
    after: Option<ValueDigest>,
}

/// The attributes that a patch of a client changed, with their values before. A long list of which
/// the patch adds or removes elements is left out: small requests would have it kept whole.
pub(super) fn replaced_by(
    patch: &Patch,
    changed: &[ChangedAttribute],
    (before, authored): (&Attributes, &Authored),
    after: &Attributes,
) -> Vec<Replaced> {
    let replaced = changed.iter().filter_map(|attribute| {
        let value = AttributeValue::of(before, attribute);
        let is_long = |value: &AttributeValue| limits::REPLACED_LIST_BYTES < value.bytes();
        if value.as_ref().is_some_and(is_long) && changes_elements(patch, attribute) {
            return None;
        }
        let by_company = authored.has(attribute);
        Some(Replaced {
            attribute: AttributeDigest::from_attribute(attribute),
            before: value.map(|value| KeptValue { value, by_company }),
            after: AttributeValue::of(after, attribute).as_ref().map(ValueDigest::from_value),
        })
    });
    replaced.collect()
}

fn changes_elements(patch: &Patch, attribute: &ChangedAttribute) -> bool {
    let ChangedAttribute::Property(name) = attribute else { return false };
    let properties = &patch.properties;
    let lists = properties.append.iter().chain(&properties.unappend);
    lists.map(|(name, _)| name).any(|changed| changed == name)
}

/// Forgets what was noted about attributes that a patch of the company concerns: the company has
/// said since what they have.
pub(super) fn forget_written(noted: &mut Vec<ReplacedValue>, patch: &Patch) {
    if noted.is_empty() {
        return;
    }
    let properties = &patch.properties;
    let fields = patch.fields.iter().filter(|(_, change)| **change != Change::Keep);
    let fields = fields.map(|(field, _)| ChangedAttribute::Field(field));
    let set = properties.set.iter().map(|(name, _)| name).chain(&properties.unset);
    let lists = properties.append.iter().chain(&properties.unappend);
    let names = set.chain(lists.map(|(name, _)| name));
    let written = fields.chain(names.cloned().map(ChangedAttribute::Property));
    let written: BTreeSet<AttributeDigest> =
        written.map(|attribute| AttributeDigest::from_attribute(&attribute)).collect();
    let is_field = |noted: &ReplacedValue| {
        let fields = Field::ALL.into_iter().map(ChangedAttribute::Field);
        let mut digests = fields.map(|field| AttributeDigest::from_attribute(&field));
        digests.any(|digest| digest == noted.attribute)
    };
    noted.retain(|one| {
        let is_cleared = properties.clear && !is_field(one);
        !is_cleared && !written.contains(&one.attribute)
    });
}

/// The request that replaced values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replacement {
    pub(super) sender: RequestSender,
    pub(super) sequence: u64,
    pub(super) now: Timestamp,
    /// For how many days replaced values are kept.
    pub(super) days: u64,
}

impl Replacement {
    /// Notes what the request replaced, and returns the values to keep. Of an attribute that the
    /// same network has changed last, nothing more is kept.
    pub(super) fn note(
        &self,
        noted: &mut Vec<ReplacedValue>,
        replaced: Vec<Replaced>,
    ) -> Vec<KeptValue> {
        let Replacement { sender, sequence, now: at, days } = *self;
        noted.retain(|one| is_kept(one, days, at));
        let mut kept = Vec::new();
        for Replaced { attribute, before, after: written } in replaced {
            let value = before.as_ref().map(|before| ValueDigest::from_value(&before.value));
            let last = noted.iter_mut().rfind(|one| one.attribute == attribute);
            if let Some(last) = last
                && last.written == value
                && last.sender.network.is_some()
                && last.sender.network == sender.network
            {
                last.written = written;
                last.sender.device =
                    last.sender.device.filter(|device| sender.device == Some(*device));
                continue;
            }
            let bytes = before.as_ref().map(|before| before.value.bytes() as u64);
            noted.push(ReplacedValue { attribute, sender, sequence, at, written, bytes });
            kept.extend(before);
        }
        // In the order in which a merge has them.
        noted.sort_by_key(place);
        kept
    }
}

/// Whether what was noted at its time is still kept.
pub(crate) fn is_kept(noted: &ReplacedValue, days: u64, now: Timestamp) -> bool {
    until(noted.at, days) > now
}

/// Until when a value that is replaced now is kept.
pub(crate) const fn until(now: Timestamp, days: u64) -> Timestamp {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    Timestamp::from_millis(now.millis().saturating_add(days.saturating_mul(DAY_MS)))
}

/// What two profiles have noted, oldest first. Of what both have, the first one's.
pub(super) fn united(
    mut ours: Vec<ReplacedValue>,
    theirs: Vec<ReplacedValue>,
) -> Vec<ReplacedValue> {
    ours.extend(without(theirs, &ours.clone()));
    ours.sort_by_key(|one| (one.sequence, one.attribute));
    ours
}

/// What is noted of `all` and not of `others`.
pub(super) fn without(mut all: Vec<ReplacedValue>, others: &[ReplacedValue]) -> Vec<ReplacedValue> {
    let others: BTreeSet<_> = others.iter().map(place).collect();
    all.retain(|one| !others.contains(&place(one)));
    all
}

/// What is noted of `all` and also of `others`.
pub(super) fn in_both(mut all: Vec<ReplacedValue>, others: &[ReplacedValue]) -> Vec<ReplacedValue> {
    let others: BTreeSet<_> = others.iter().map(place).collect();
    all.retain(|one| others.contains(&place(one)));
    all
}

const fn place(noted: &ReplacedValue) -> (u64, AttributeDigest) {
    (noted.sequence, noted.attribute)
}

/// Forgets the oldest, up to the limits of a profile. Attributes that had no value are forgotten
/// first, since clients can add any number of attributes.
pub(crate) fn limit(noted: &mut Vec<ReplacedValue>) {
    let mut excess = noted.len().saturating_sub(limits::REPLACED_VALUES);
    for had_value in [false, true] {
        noted.retain(|one| {
            let leaves = 0 < excess && one.bytes.is_some() == had_value;
            excess -= usize::from(leaves);
            !leaves
        });
    }
    let mut bytes: u64 = noted.iter().filter_map(|one| one.bytes).sum();
    noted.retain(|one| {
        let leaves = limits::REPLACED_BYTES < bytes && one.bytes.is_some();
        bytes -= if leaves { one.bytes.unwrap_or(0) } else { 0 };
        !leaves
    });
}

/// The outcomes whose replaced values are kept for a profile that has noted these.
pub(crate) fn kept_by(noted: &[ReplacedValue]) -> BTreeSet<u64> {
    noted.iter().filter(|one| one.bytes.is_some()).map(|one| one.sequence).collect()
}
