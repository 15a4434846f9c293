//! One profile, in the model.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::ModelClaim;

/// One profile. Kinds are the letters of the notation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct ModelProfile {
    /// External id, primary address and phone number, of each at most one.
    pub(super) single: BTreeMap<String, String>,
    /// The kinds of these that only clients have named.
    pub(super) by_client: BTreeSet<String>,
    /// Devices, with the time when they were seen, oldest first.
    pub(super) devices: Vec<(String, u64)>,
    /// Secondary addresses, oldest first.
    pub(super) further: Vec<String>,
    /// Attributes, each with whether the company wrote it.
    pub(super) facts: BTreeMap<String, (String, bool)>,
    /// All profiles that were merged into this one.
    pub(super) absorbed: Vec<usize>,
    /// How many of them clients merged.
    pub(super) client_merges: usize,
    pub(super) created: u64,
    pub(super) updated: u64,
    /// Whether its tokens, of which all are old but those that are called new, were revoked.
    pub(super) revoked: bool,
}

impl ModelProfile {
    pub(super) fn holds(&self, claim: &ModelClaim) -> bool {
        match claim.kind.as_str() {
            "a" => self.devices.iter().any(|(device, _)| *device == claim.text),
            "e" if self.further.contains(&claim.text) => true,
            kind => self.single.get(kind) == Some(&claim.text),
        }
    }

    /// Whether the profile holds another identifier of this kind, of which it may hold one.
    pub(super) fn differs(&self, claim: &ModelClaim) -> bool {
        self.single.get(&claim.kind).is_some_and(|identifiers| *identifiers != claim.text)
    }

    pub(super) fn highest(&self) -> Option<&'static str> {
        let identifiers = |kind: &str| match kind {
            "a" => !self.devices.is_empty(),
            "e" => self.single.contains_key("e") || !self.further.is_empty(),
            kind => self.single.contains_key(kind),
        };
        ["x", "e", "p", "a"].into_iter().find(|kind| identifiers(kind))
    }

    pub(super) fn about(&self) -> String {
        let mut words = Vec::new();
        for kind in ["x", "e", "p"] {
            words.extend(self.single.get(kind).map(|text| format!("{kind}:{text}")));
        }
        words.extend(self.devices.iter().map(|(text, _)| format!("a:{text}")));
        words.extend(self.further.iter().map(|text| format!("+e:{text}")));
        let fields = ["name", "city", "zip", "tz"];
        let own = self.facts.keys().map(String::as_str).filter(|name| !fields.contains(name));
        for name in fields.into_iter().chain(own) {
            words.extend(self.facts.get(name).map(|(value, _)| format!("{name}={value}")));
        }
        words.join(" ")
    }
    /// The highest kind of what the company has named, and devices.
    pub(super) fn highest_of_company(&self) -> Option<&'static str> {
        let mut known = self.clone();
        known.single.retain(|kind, _| !self.by_client.contains(kind));
        known.highest()
    }

    /// Whether both are the same to readers.
    pub(super) fn equals(&self, other: &ModelProfile) -> bool {
        let plain = |profile: &ModelProfile| {
            let mut profile = profile.clone();
            profile.by_client.clear();
            profile.devices.iter_mut().for_each(|(_, seen)| *seen = 0);
            profile.devices.sort();
            profile.facts.values_mut().for_each(|(_, by_company)| *by_company = false);
            profile
        };
        plain(self) == plain(other)
    }

    /// Holds the identifier of a claim.
    pub(super) fn set_single(&mut self, claim: &ModelClaim, by_company: bool) {
        self.single.insert(claim.kind.clone(), claim.text.clone());
        self.note_author(&claim.kind, by_company);
    }

    pub(super) fn note_author(&mut self, kind: &str, by_company: bool) {
        if by_company {
            self.by_client.remove(kind);
        } else {
            self.by_client.insert(kind.to_owned());
        }
    }

    /// Rule 4: the survivor keeps its values, and gaps are filled.
    pub(super) fn absorb(&mut self, number: usize, absorbed: ModelProfile) {
        let ModelProfile {
            single,
            by_client,
            devices,
            further,
            facts,
            absorbed: ids,
            client_merges,
            created,
            updated: _,
            revoked,
        } = absorbed;
        for (kind, text) in single {
            let theirs_by_company = !by_client.contains(&kind);
            let yields = self.by_client.contains(&kind) && theirs_by_company;
            if yields || !self.single.contains_key(&kind) {
                self.note_author(&kind, theirs_by_company);
                self.single.insert(kind, text);
            }
        }
        self.devices.splice(0..0, devices);
        self.devices.sort_by_key(|(_, seen)| *seen);
        self.further.splice(0..0, further);
        self.absorbed.push(number);
        self.absorbed.extend(ids);
        self.client_merges += client_merges;
        self.created = self.created.min(created);
        self.revoked |= revoked;
        self.fill_facts(facts);
    }

    fn fill_facts(&mut self, facts: BTreeMap<String, (String, bool)>) {
        let address = |facts: &BTreeMap<String, (String, bool)>| {
            ["city", "zip"].into_iter().filter(|name| facts.contains_key(*name)).count()
        };
        let theirs_is_fuller = address(&self.facts) < address(&facts);
        if theirs_is_fuller {
            self.facts.retain(|name, _| name != "city" && name != "zip");
        }
        for (name, value) in facts {
            match name.as_str() {
                "tz" => drop(self.facts.insert(name, value)),
                "city" | "zip" if !theirs_is_fuller => {}
                _ => drop(self.facts.entry(name).or_insert(value)),
            }
        }
    }

    /// Rule 5: what the request itself says.
    pub(super) fn patch(&mut self, facts: &[(String, String)], by_company: bool) {
        for (name, value) in facts {
            let is_same = self.facts.get(name).is_some_and(|(own, _)| own == value);
            if value.is_empty() {
                self.facts.remove(name);
            } else if by_company || !is_same {
                self.facts.insert(name.clone(), (value.clone(), by_company));
            }
        }
    }
}
