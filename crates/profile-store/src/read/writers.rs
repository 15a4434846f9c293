//! Who wrote each value of a profile, and when.
//!
//! A profile notes who wrote a value. When that was follows from its history, so no time is stored
//! with the values.

use std::collections::{BTreeMap, BTreeSet};

use profile_protocol::{AnonymousId, ChangedAttribute, Email, Field, IdentifierKind, ProfileId};

use crate::{
    Caller, ClaimResult, ClaimSource, Device, Effect, Outcome, Profile, ProfileIdentifiers,
    SingleKinds, Timestamp,
};

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
    /// A secondary email address. Only the company adds them.
    SecondaryEmail(Email),
    /// A device. It is among the values only if an outcome tells who attached it.
    Device(AnonymousId),
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
    /// The secondary addresses of which an older outcome may tell the time, oldest first.
    open_emails: Vec<Email>,
    /// The same of devices. Each notes itself when it was attached.
    open_devices: Vec<Device>,
}

impl SoughtWriters<'_> {
    /// All values of a profile, without times.
    pub(crate) fn of(profile: &Profile) -> SoughtWriters<'_> {
        let open: BTreeSet<WrittenPart> = parts_of(profile).collect();
        let open_emails = profile.identifiers.secondary_emails.clone();
        let emails = open_emails.iter().cloned().map(WrittenPart::SecondaryEmail);
        let value = |part: WrittenPart| {
            let by_company = match &part {
                WrittenPart::Identifier(kind) => {
                    !profile.identifiers.client_attached.contains(*kind)
                }
                WrittenPart::Attribute(attribute) => profile.authored.has(attribute),
                WrittenPart::SecondaryEmail(_) => true,
                // Added with the outcome that tells.
                WrittenPart::Device(_) => false,
            };
            let by = if by_company { Caller::Server } else { Caller::Client };
            (part.clone(), ValueSource { part, by, written: None })
        };
        let values = open.iter().cloned().chain(emails).map(value).collect();
        let mut open_devices = profile.identifiers.devices.clone();
        open_devices.retain(|device| device.attached != Timestamp::default());
        SoughtWriters { profile, values, open, open_emails, open_devices }
    }

    /// Whether no older outcome has to be looked at.
    pub(crate) fn are_complete(&self) -> bool {
        self.open.is_empty() && self.open_emails.is_empty() && self.open_devices.is_empty()
    }

    /// Takes in the next older outcome of the history. Returns the profiles that it merged into
    /// this one: what these had may have come with the merge.
    pub(crate) fn feed(&mut self, outcome: &Outcome) -> Vec<ProfileId> {
        self.note_devices(outcome);
        let is_own_return = |result| result == ClaimResult::Restored(self.profile.id);
        if outcome.claims.iter().any(|claim| is_own_return(claim.result)) {
            self.close_identifiers();
        }
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
                ClaimResult::Restored(_) => self.close_identifiers(),
                ClaimResult::Matched
                | ClaimResult::Absorbed(_)
                | ClaimResult::Released
                | ClaimResult::Refused(_)
                | ClaimResult::Ignored(_) => {}
            }
        }
        outcome.absorbed().collect()
    }

    /// Takes in a profile that the outcome merged into this one, as it was then. There is none if
    /// the merge was undone.
    pub(crate) fn feed_absorbed(&mut self, absorbed: Option<Profile>, outcome: &Outcome) {
        let Some(absorbed) = absorbed else {
            self.open_emails.clear();
            return;
        };
        for part in parts_of(&absorbed) {
            match part {
                // No two profiles hold one identifier, so the merge brought this, or another one.
                WrittenPart::Identifier(kind)
                    if absorbed.identifiers.single(kind)
                        != self.profile.identifiers.single(kind) => {}
                WrittenPart::Identifier(_) => self.note(&part, outcome),
                WrittenPart::SecondaryEmail(_)
                | WrittenPart::Device(_)
                | WrittenPart::Attribute(_) => {
                    self.open.remove(&part);
                }
            }
        }
        let ProfileIdentifiers { email, secondary_emails, .. } = &absorbed.identifiers;
        let brought =
            |open: &mut Email| email.as_ref() == Some(open) || secondary_emails.contains(open);
        let brought: Vec<Email> = self.open_emails.extract_if(.., brought).collect();
        brought.into_iter().for_each(|email| self.note_email(email, outcome));
        // The company may have merged a profile whose primary address took precedence.
        let by_command = outcome.claims.iter().any(|claim| claim.origin == ClaimSource::Command);
        if by_command && email.is_some() {
            self.open_emails.clear();
        }
    }

    /// Takes in the secondary addresses that the outcome added, after those that it brought by a
    /// merge. An outcome names no address, but each is added at the end of the list: the last of
    /// those that are open came last, unless the list lost one since.
    pub(crate) fn feed_appended(&mut self, outcome: &Outcome) {
        if outcome.survivor != Some(self.profile.id) {
            return;
        }
        if may_change_emails(outcome) {
            self.open_emails.clear();
        }
        let appended = outcome.claims.iter().filter(|claim| {
            claim.kind == IdentifierKind::Email
                && claim.origin == ClaimSource::Append
                && claim.result.is_attachment()
        });
        for _ in appended {
            if let Some(email) = self.open_emails.pop() {
                self.note_email(email, outcome);
            }
        }
    }

    /// Ends the search for identifiers: one may have returned, or come with the undo of a merge.
    fn close_identifiers(&mut self) {
        self.open.retain(|part| matches!(part, WrittenPart::Attribute(_)));
        self.open_emails.clear();
    }

    fn note_email(&mut self, email: Email, outcome: &Outcome) {
        if let Some(value) = self.values.get_mut(&WrittenPart::SecondaryEmail(email)) {
            value.written = Some((outcome.at, outcome.sequence));
        }
    }

    /// Notes the devices that were attached at the time of the outcome, to whichever profile.
    fn note_devices(&mut self, outcome: &Outcome) {
        let attaches = outcome
            .claims
            .iter()
            .any(|claim| claim.kind == IdentifierKind::AnonymousId && claim.result.is_attachment());
        let is_noted = |device: &mut Device| attaches && device.attached == outcome.at;
        for device in self.open_devices.extract_if(.., is_noted) {
            let part = WrittenPart::Device(device.id);
            let written = Some((outcome.at, outcome.sequence));
            let source = ValueSource { part: part.clone(), by: outcome.caller, written };
            self.values.insert(part, source);
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

/// Whether the end of the list of secondary addresses may be another one since: one of them became
/// the primary address, a request removed one, or the list was full.
fn may_change_emails(outcome: &Outcome) -> bool {
    outcome.claims.iter().any(|claim| match claim.result {
        ClaimResult::Released => claim.kind == IdentifierKind::Email,
        ClaimResult::Attached | ClaimResult::Replaced | ClaimResult::Moved(_) => {
            claim.kind == IdentifierKind::Email
                && claim.origin != ClaimSource::Append
                && outcome.effect != Effect::Created
        }
        ClaimResult::Matched
        | ClaimResult::Absorbed(_)
        | ClaimResult::Restored(_)
        | ClaimResult::Refused(_)
        | ClaimResult::Ignored(_) => false,
    })
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
