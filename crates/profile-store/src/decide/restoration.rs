//! Restoration: gives attributes the values back that one sender replaced.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use profile_protocol::{Attributes, ChangedAttribute, CompanyId, Field, IdentifierKind, Revision};

use crate::{
    AttributeDigest, AttributeValue, Authored, Caller, ClaimOutcome, ClaimResult, ClaimSource,
    DecisionContext, Effect, Outcome, Profile, ProfileRef, ReplacedValue, RequestIds,
    StoredProfile, ValueDigest,
    decide::empty_outcome::{empty_outcome, list_bounded},
    model::{
        encoded_properties::DamagedProperty,
        replaced::{KeptValue, KeptValues},
    },
};

/// A request to restore values of one profile.
#[derive(Clone, Debug)]
pub(crate) struct Restoration {
    pub(crate) company: CompanyId,
    pub(crate) profile: ProfileRef,
    /// What the profile has noted about the values that the sender replaced.
    pub(crate) noted: Vec<ReplacedValue>,
    pub(crate) revision: Revision,
    pub(crate) request_ids: Option<RequestIds>,
}

impl Restoration {
    /// The outcomes whose replaced values are needed.
    pub(crate) fn sequences(&self) -> Vec<u64> {
        super::replaced::kept_by(&self.noted).into_iter().collect()
    }

    /// The attributes of a profile that would be restored.
    pub(crate) fn names(
        &self,
        profile: Profile,
        kept: &BTreeMap<u64, KeptValues>,
    ) -> Result<Vec<ChangedAttribute>, DamagedProperty> {
        let mut profile = StoredProfile::from(profile);
        let noted = std::mem::take(&mut profile.replaced);
        Ok(restore_all(self, &noted, profile.attributes_mut()?, kept))
    }

    fn has(&self, noted: &ReplacedValue) -> bool {
        let place = |one: &ReplacedValue| (one.sequence, one.attribute);
        self.noted.iter().any(|one| place(one) == place(noted))
    }
}

/// A profile whose values were restored.
#[derive(Clone, Debug)]
pub(crate) struct Restored {
    pub(crate) profile: StoredProfile,
    /// The attributes that were restored.
    pub(crate) names: Vec<ChangedAttribute>,
    pub(crate) outcome: Outcome,
}

/// Restores values. What was written by others since stays. `kept` has the replaced values by the
/// numbers of the outcomes.
pub(crate) fn restore(
    asked: &Restoration,
    mut profile: StoredProfile,
    kept: &BTreeMap<u64, KeptValues>,
    context: DecisionContext,
) -> Result<Restored, DamagedProperty> {
    let noted = std::mem::take(&mut profile.replaced);
    let (attributes, authored) = profile.attributes_mut()?;
    let names = restore_all(asked, &noted, (attributes, authored), kept);
    profile.replaced = noted;
    profile.replaced.retain(|one| !asked.has(one));
    let effect = if names.is_empty() { Effect::Unchanged } else { Effect::Updated };
    if effect == Effect::Updated {
        profile.updated = context.now;
    }
    let mut changed = names.clone();
    let changed_unlisted = list_bounded(&mut changed);
    let result = ClaimResult::Matched;
    let outcome = Outcome {
        survivor: Some(profile.id),
        claims: vec![ClaimOutcome {
            kind: IdentifierKind::Id,
            origin: ClaimSource::Command,
            result,
        }],
        changed,
        changed_unlisted,
        previous: profile.last_outcome.into_iter().collect(),
        request_ids: asked.request_ids.clone(),
        ..empty_outcome(context, Caller::Server, asked.revision, effect)
    };
    profile.last_outcome = Some(context.sequence);
    Ok(Restored { profile, names, outcome })
}

/// Restores attributes, and returns their names.
fn restore_all(
    asked: &Restoration,
    noted: &[ReplacedValue],
    (attributes, authored): (&mut Attributes, &mut Authored),
    kept: &BTreeMap<u64, KeptValues>,
) -> Vec<ChangedAttribute> {
    let kept = by_place(kept);
    let names = names(attributes, &kept);
    let concerned: BTreeSet<AttributeDigest> =
        asked.noted.iter().map(|one| one.attribute).collect();
    let mut restored = Vec::new();
    for digest in concerned {
        let Some(attribute) = names.get(&digest).filter(|name| !authored.has(name)) else {
            continue;
        };
        let before = AttributeValue::of(attributes, attribute);
        let by_company = authored.has(attribute);
        let of_this = noted.iter().filter(|one| one.attribute == digest);
        let was = earlier(asked, of_this, before.as_ref(), &kept);
        let Some(EarlierValue { kept: was }) = was else { continue };
        put(attributes, authored, attribute, was);
        if attributes.properties.fit() {
            restored.push(attribute.clone());
        } else {
            let before = before.map(|value| KeptValue { value, by_company });
            put(attributes, authored, attribute, before.as_ref());
        }
    }
    restored
}

/// What an attribute had before a sender changed it: a value, or none.
struct EarlierValue<'k> {
    kept: Option<&'k KeptValue>,
}

/// What an attribute had before the sender changed it, unless it has a value of others now. Its
/// changes are undone from the last one on, as long as each made
/// the value what it is.
fn earlier<'k>(
    asked: &Restoration,
    noted: impl DoubleEndedIterator<Item = &'k ReplacedValue>,
    now: Option<&AttributeValue>,
    kept: &HashMap<(u64, AttributeDigest), &'k KeptValue>,
) -> Option<EarlierValue<'k>> {
    let mut value = now.map(ValueDigest::from_value);
    let mut earlier = None;
    for one in noted.rev() {
        if one.written != value {
            continue;
        }
        let before = kept.get(&(one.sequence, one.attribute)).copied();
        let is_known = one.bytes.is_none() || before.is_some();
        if !asked.has(one) || !is_known {
            break;
        }
        value = before.map(|before| ValueDigest::from_value(&before.value));
        earlier = Some(EarlierValue { kept: before });
    }
    earlier
}

/// The kept values by the outcome that replaced them and their attribute.
fn by_place(kept: &BTreeMap<u64, KeptValues>) -> HashMap<(u64, AttributeDigest), &KeptValue> {
    let all = kept
        .iter()
        .flat_map(|(sequence, kept)| kept.values.iter().map(move |kept| (*sequence, kept)));
    let place = |(sequence, kept): (u64, &KeptValue)| {
        (sequence, AttributeDigest::from_attribute(&kept.value.attribute()))
    };
    all.map(|one| (place(one), one.1)).collect()
}

/// The names of the attributes that a profile has, or had.
fn names(
    attributes: &Attributes,
    kept: &HashMap<(u64, AttributeDigest), &KeptValue>,
) -> HashMap<AttributeDigest, ChangedAttribute> {
    let fields = Field::ALL.into_iter().map(ChangedAttribute::Field);
    let properties = attributes.properties.iter().map(|(name, _)| name.clone());
    let present = fields.chain(properties.map(ChangedAttribute::Property));
    let kept = kept.values().map(|kept| kept.value.attribute());
    let all = present.chain(kept);
    all.map(|attribute| (AttributeDigest::from_attribute(&attribute), attribute)).collect()
}

fn put(
    attributes: &mut Attributes,
    authored: &mut Authored,
    attribute: &ChangedAttribute,
    kept: Option<&KeptValue>,
) {
    match (attribute, kept.map(|kept| &kept.value)) {
        (ChangedAttribute::Field(field), Some(AttributeValue::Field(_, text))) => {
            attributes.fields[*field] = Some(text.clone());
        }
        (ChangedAttribute::Property(name), Some(AttributeValue::Property(_, value))) => {
            attributes.properties.set(name.clone(), value.clone());
        }
        (ChangedAttribute::Field(field), _) => attributes.fields[*field] = None,
        (ChangedAttribute::Property(name), _) => {
            attributes.properties.unset(name);
        }
    }
    authored.put(attribute, kept.is_some_and(|kept| kept.by_company));
}
