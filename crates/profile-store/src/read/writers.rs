//! Who wrote each value of a profile, and when.
//!
//! A profile notes who wrote a value. When that was follows from its history, so no time is stored
//! with the values.

use std::collections::{BTreeMap, BTreeSet};

use profile_protocol::{ChangedAttribute, Field, IdentifierKind, ProfileId};

use crate::{Caller, ClaimResult, ClaimSource, Outcome, Profile, SingleKinds, Timestamp};

/// Who wrote one value, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ValueSource {
    /// The value.
    pub part: WrittenPart,
    /// Who wrote it: the company, or clients.
    pub by: Caller,
    /// When the profile got it, and the number of the outcome that says so. `None` if no outcome
    /// that was looked at does.
    pub written: Option<(Timestamp, u64)>,
}

/// A value of a profile that has a writer.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum WrittenPart {
    /// The single identifier of a kind.
    Identifier(IdentifierKind),
    /// A field or a property.
    Attribute(ChangedAttribute),
}

/// The values of a profile, of which the times are still looked for.
#[derive(Debug)]
pub(crate) struct SoughtWriters<'p> {
    profile: &'p Profile,
    values: BTreeMap<WrittenPart, ValueSource>,
    /// Those of which an older outcome may tell the time.
    open: BTreeSet<WrittenPart>,
}

impl SoughtWriters<'_> {
    /// All values of a profile, without times.
    pub(crate) fn of(profile: &Profile) -> SoughtWriters<'_> {
        let open: BTreeSet<WrittenPart> = parts_of(profile).collect();
        let value = |part: &WrittenPart| {
            let by_company = match part {
                WrittenPart::Identifier(kind) => {
                    !profile.identifiers.client_attached.contains(*kind)
                }
                WrittenPart::Attribute(attribute) => profile.authored.has(attribute),
            };
            let by = if by_company { Caller::Server } else { Caller::Client };
            (part.clone(), ValueSource { part: part.clone(), by, written: None })
        };
        SoughtWriters { profile, values: open.iter().map(value).collect(), open }
    }

    /// Whether no older outcome has to be looked at.
    pub(crate) fn are_complete(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes in the next older outcome of the history. Returns the profiles that it merged into
    /// this one: what these had may have come with the merge.
    pub(crate) fn feed(&mut self, outcome: &Outcome) -> Vec<ProfileId> {
        // What was written to a profile that was merged into this one came with the merge.
        if outcome.survivor != Some(self.profile.id) {
            return Vec::new();
        }
        for changed in &outcome.changed {
            self.note(&WrittenPart::Attribute(changed.clone()), outcome);
        }
        // An appended address is a secondary one.
        let claims = outcome.claims.iter().filter(|claim| claim.origin != ClaimSource::Append);
        for claim in claims {
            match claim.result {
                ClaimResult::Attached | ClaimResult::Replaced | ClaimResult::Moved(_) => {
                    self.note(&WrittenPart::Identifier(claim.kind), outcome);
                }
                // An identifier may have returned.
                ClaimResult::Restored(_) => {
                    self.open.retain(|part| matches!(part, WrittenPart::Attribute(_)));
                }
                ClaimResult::Matched
                | ClaimResult::Absorbed(_)
                | ClaimResult::Released
                | ClaimResult::Refused(_)
                | ClaimResult::Ignored(_) => {}
            }
        }
        outcome.absorbed().collect()
    }

    /// Takes in a profile that was merged into this one, as it was then.
    pub(crate) fn feed_absorbed(&mut self, absorbed: &Profile) {
        for part in parts_of(absorbed) {
            self.open.remove(&part);
        }
    }

    fn note(&mut self, part: &WrittenPart, outcome: &Outcome) {
        if self.open.remove(part)
            && let Some(value) = self.values.get_mut(part)
        {
            value.written = Some((outcome.at, outcome.sequence));
        }
    }

    /// The values, identifiers first.
    pub(crate) fn into_values(self) -> Vec<ValueSource> {
        self.values.into_values().collect()
    }
}

/// The values that a profile has.
fn parts_of(profile: &Profile) -> impl Iterator<Item = WrittenPart> {
    let kinds = SingleKinds::ALL.into_iter();
    let held = kinds.filter(|kind| profile.identifiers.single(*kind).is_some());
    let fields = Field::ALL.into_iter();
    let fields = fields.filter(|field| profile.attributes.fields[*field].is_some());
    let fields = fields.map(ChangedAttribute::Field);
    let properties = profile.attributes.properties.iter();
    let properties = properties.map(|(name, _)| ChangedAttribute::Property(name.clone()));
    let attributes = fields.chain(properties).map(WrittenPart::Attribute);
    held.map(WrittenPart::Identifier).chain(attributes)
}
