//! Identifiers that no profile holds any more, and that still lead an erasure to a profile.

use std::collections::BTreeMap;

use super::IdentityModel;

/// An identifier: the letter of its kind, and its text.
type Named = (String, String);

impl IdentityModel {
    /// Which profile holds each identifier. Devices do not count.
    pub(super) fn held(&self) -> BTreeMap<Named, usize> {
        let mut held = BTreeMap::new();
        for (number, profile) in &self.stored {
            let emails = profile.further.iter().map(|text| ("e".to_owned(), text.clone()));
            let single = profile.single.iter().map(|(kind, text)| (kind.clone(), text.clone()));
            held.extend(single.chain(emails).map(|named| (named, *number)));
        }
        held
    }

    /// Notes what was lost since each identifier was held like this.
    pub(super) fn note_lost(&mut self, before: BTreeMap<Named, usize>) {
        let after = self.held();
        self.former.retain(|named, _| !after.contains_key(named));
        let lost = before.into_iter().filter(|(named, _)| !after.contains_key(named));
        self.former.extend(lost);
    }

    /// The profile that lost an identifier last.
    pub(super) fn former_holder(&self, kind: &str, text: &str) -> Option<usize> {
        let number = self.former.get(&(kind.to_owned(), text.to_owned()));
        number.map(|number| self.survivor_of(*number))
    }
}
