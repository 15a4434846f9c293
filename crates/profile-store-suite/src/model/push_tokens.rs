//! The push tokens of the model: each has one profile, and the last request wins.

use std::collections::{BTreeMap, BTreeSet};

/// Each token, with its profile and whether notifications are denied.
#[derive(Default)]
pub(super) struct PushTokens {
    all: BTreeMap<String, (usize, bool)>,
}

/// What a request did with a token.
pub(super) struct ModelTokenResult {
    pub(super) result: String,
    pub(super) is_change: bool,
    /// The profiles whose tokens changed.
    pub(super) changed: Vec<usize>,
}

impl PushTokens {
    /// Gives a token, in the notation, to this profile.
    pub(super) fn register(&mut self, word: &str, number: usize) -> ModelTokenResult {
        let (token, status) = word.split_once('/').unwrap_or((word, ""));
        let known = self.all.get(token).copied();
        let was_denied = known.is_some_and(|(owner, denied)| owner == number && denied);
        let is_denied = status == "denied" || was_denied;
        self.all.insert(token.to_owned(), (number, is_denied));
        let (result, changed) = match known {
            None => ("attached".to_owned(), vec![number]),
            Some((owner, _)) if owner != number => (format!("moved {owner}"), vec![number, owner]),
            Some(_) if is_denied != was_denied => ("updated".to_owned(), vec![number]),
            Some(_) => ("matched".to_owned(), Vec::new()),
        };
        ModelTokenResult { result, is_change: !changed.is_empty(), changed }
    }

    /// Gives all tokens of a profile that was merged to its survivor.
    pub(super) fn merge(&mut self, absorbed: usize, survivor: usize) {
        let theirs = self.all.values_mut().filter(|(owner, _)| *owner == absorbed);
        theirs.for_each(|(owner, _)| *owner = survivor);
    }

    /// Removes a token. Returns the profile that had it.
    pub(super) fn remove(&mut self, token: &str) -> Option<usize> {
        self.all.remove(token).map(|(owner, _)| owner)
    }

    /// Forgets the tokens of a profile.
    pub(super) fn delete(&mut self, number: usize) {
        self.all.retain(|_, (owner, _)| *owner != number);
    }

    /// The tokens of a profile.
    pub(super) fn of(&self, number: usize) -> BTreeSet<String> {
        let theirs = self.all.iter().filter(|(_, (owner, _))| *owner == number);
        theirs.map(|(token, _)| token.clone()).collect()
    }
}
