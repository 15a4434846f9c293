//! Looks for texts in everything that a store has, such as the identifiers of people who were
//! erased.
//!
//! Bytes that look like a text count only where the entry has that text, at the borders of words:
//! `7` is in no phone number, and one address is not in another one that ends with it. Where the
//! texts of an entry cannot be told apart, the bytes count wherever they are: in changes of large
//! profiles, and in what is damaged.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use profile_protocol::{ChangedAttribute, CompanyId, ProfileId};

use super::entry_pages::EntryPages;
use crate::{
    AttributeValue, Identifier, Merge, Outcome, Profile, ProfileRef, StoredPushToken,
    engine::{Engine, EngineError, Key, Value},
    layout::{
        key::{self, ParsedKey},
        record::{self, InvalidRecord},
    },
    limits,
};

/// Finds texts in bytes.
pub trait TextFinder {
    /// Calls `found` with the number of each text that is in these bytes, and with where it is.
    fn find(&self, bytes: &[u8], found: &mut dyn FnMut(usize, Range<usize>));
}

/// What a search has found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TextSearch {
    /// The number of entries that were searched.
    pub entries: u64,
    /// The numbers of the texts that were found.
    pub found: BTreeSet<usize>,
    /// Where they are: at most [`limits::BREACHES`] places.
    pub places: Vec<FoundText>,
    /// The number of further places.
    pub places_unlisted: u64,
}

/// An entry that has a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FoundText {
    /// The number of the text.
    pub text: usize,
    /// The company whose entry it is, if known.
    pub company: Option<CompanyId>,
    /// The profile, the profile that was merged, or the import that the entry is about, if it is
    /// about one.
    pub id: Option<ProfileId>,
    /// What the entry is.
    pub entry: &'static str,
}

/// Searches every key and value of `engine`, a page at a time, for texts and for profiles with
/// these ids, which stand for the texts of these numbers. Outcomes, imports and do-not-merge marks
/// name profiles that were erased by their ids; those do not count.
pub async fn search_texts(
    engine: &dyn Engine,
    texts: &dyn TextFinder,
    ids: &BTreeMap<ProfileId, usize>,
) -> Result<TextSearch, EngineError> {
    let mut search = TextSearch::default();
    let mut pages = EntryPages::of(engine, Vec::new(), limits::AUDIT_PAGE);
    while let Some(page) = pages.next().await? {
        for (key, value) in &page {
            search.entries += 1;
            let parsed = key::parse(key);
            for text in found_in(key, value, parsed.as_ref(), texts, ids) {
                search.note(text, key, parsed.as_ref());
            }
        }
    }
    Ok(search)
}

impl TextSearch {
    fn note(&mut self, text: usize, key: &[u8], parsed: Option<&ParsedKey>) {
        self.found.insert(text);
        if self.places.len() < limits::BREACHES {
            let (entry, id) = parsed.map_or(("a key of unknown form", None), described);
            self.places.push(FoundText { text, company: key::company_of(key), id, entry });
        } else {
            self.places_unlisted += 1;
        }
    }
}

/// The numbers of the texts that an entry has.
fn found_in(
    key: &Key,
    value: &Value,
    parsed: Option<&ParsedKey>,
    texts: &dyn TextFinder,
    ids: &BTreeMap<ProfileId, usize>,
) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut is_likely = false;
    for bytes in [key, value] {
        texts.find(bytes, &mut |_, _| is_likely = true);
    }
    if let Some(
        ParsedKey::Profile(_, id) | ParsedKey::Alias(_, id) | ParsedKey::PushToken(_, id, _),
    ) = parsed
    {
        found.extend(ids.get(id));
    }
    if !is_likely {
        return found;
    }
    match parsed.map(|parsed| texts_of(parsed, value)) {
        Some(Ok(stored)) => {
            for stored in stored {
                texts.find(stored.as_bytes(), &mut |number, at| {
                    if is_word(stored.as_bytes(), at) {
                        found.insert(number);
                    }
                });
            }
        }
        Some(Err(
            InvalidRecord::Truncated
            | InvalidRecord::TooLong
            | InvalidRecord::Version(_)
            | InvalidRecord::Tag(_)
            | InvalidRecord::Value
            | InvalidRecord::Base
            | InvalidRecord::MissingChange,
        ))
        | None => {
            for bytes in [key, value] {
                texts.find(bytes, &mut |number, _| {
                    found.insert(number);
                });
            }
        }
    }
    found
}

/// Whether a part of a text begins and ends where words do.
fn is_word(text: &[u8], at: Range<usize>) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let part = text.get(at.clone()).unwrap_or_default();
    let (before, after) = text.split_at_checked(at.start).unwrap_or_default();
    let after = after.get(part.len()..).unwrap_or_default();
    // In JSON, a letter or digit before it may be the end of an escape.
    let ends_with_escape = matches!(before, [.., b'\\', _] | [.., b'\\', b'u', _, _, _, _]);
    let joins_before = !ends_with_escape
        && before.last().is_some_and(is_letter)
        && part.first().is_some_and(is_letter);
    let joins_after = after.first().is_some_and(is_letter) && part.last().is_some_and(is_letter);
    !joins_before && !joins_after
}

/// Every text of an entry.
fn texts_of(key: &ParsedKey, value: &[u8]) -> Result<Vec<String>, InvalidRecord> {
    let mut texts = Vec::new();
    match key {
        ParsedKey::Identifier(_, identifier) | ParsedKey::FormerIdentifier(_, _, identifier) => {
            texts.push(identifier.as_str().to_owned());
        }
        ParsedKey::ImportRowName(_, name, _, _) => texts.extend(name_text(name)),
        ParsedKey::Profile(_, id) => {
            profile_texts(&record::decode_profile(*id, value)?, &mut texts);
        }
        ParsedKey::Merge(_, id) => merge_texts(&record::decode_merge(*id, value)?, &mut texts),
        ParsedKey::ImportBody(..) => {
            for error in record::decode_import_body(value)?.errors {
                texts.extend([error.code, error.title, error.detail, error.pointer]);
            }
        }
        ParsedKey::ImportRow(_, _, row) => {
            let row = record::decode_import_row(*row, value)?;
            texts.extend(row.names.iter().filter_map(name_text));
            texts.push(row.payload);
        }
        ParsedKey::KeptValues(..) => {
            for kept in record::decode_kept_values(value)?.values {
                kept_value_texts(&kept.value, &mut texts);
            }
        }
        ParsedKey::Outcomes(_, last) => {
            for outcome in record::decode_segment(*last, value)? {
                outcome_texts(&outcome, &mut texts);
            }
        }
        ParsedKey::PushToken(..) => {
            push_token_texts(&record::decode_push_token(value)?, &mut texts);
        }
        // Its texts are between parts of others.
        ParsedKey::ProfileChange(..) => return Err(InvalidRecord::Base),
        // These have numbers, ids and digests only.
        ParsedKey::Alias(..)
        | ParsedKey::BackupPosition
        | ParsedKey::CompanyDeletion(_)
        | ParsedKey::Created(..)
        | ParsedKey::DeletionJob(..)
        | ParsedKey::Format
        | ParsedKey::Import(..)
        | ParsedKey::NewestOutcome(_)
        | ParsedKey::NoEmail(..)
        | ParsedKey::ProfileOutcome(..)
        | ParsedKey::PushTokenHolder(..)
        | ParsedKey::SenderKey
        | ParsedKey::TrustedTime
        | ParsedKey::Updated(..) => {}
    }
    Ok(texts)
}

fn name_text(name: &ProfileRef) -> Option<String> {
    name.identifier().map(|identifier| identifier.as_str().to_owned())
}

fn profile_texts(profile: &Profile, texts: &mut Vec<String>) {
    let identifiers = profile.identifiers.iter();
    texts.extend(identifiers.map(|identifier: Identifier| identifier.as_str().to_owned()));
    let fields = profile.attributes.fields.iter();
    texts.extend(fields.filter_map(|(_, value)| Some(value.as_ref()?.as_str().to_owned())));
    for (name, value) in profile.attributes.properties.iter() {
        texts.extend([name.as_str().to_owned(), value.as_json().to_owned()]);
    }
}

fn merge_texts(merge: &Merge, texts: &mut Vec<String>) {
    profile_texts(&merge.survivor, texts);
    profile_texts(&merge.absorbed, texts);
    texts.extend(merge.links.iter().filter_map(name_text));
}

fn outcome_texts(outcome: &Outcome, texts: &mut Vec<String>) {
    texts.extend(outcome.request_ids.iter().map(|ids| ids.request.to_string()));
    for changed in outcome.changed.iter().chain(&outcome.withheld) {
        if let ChangedAttribute::Property(name) = changed {
            texts.push(name.as_str().to_owned());
        }
    }
}

fn kept_value_texts(value: &AttributeValue, texts: &mut Vec<String>) {
    match value {
        AttributeValue::Field(_, text) => texts.push(text.as_str().to_owned()),
        AttributeValue::Property(name, value) => {
            texts.extend([name.as_str().to_owned(), value.as_json().to_owned()]);
        }
    }
}

fn push_token_texts(stored: &StoredPushToken, texts: &mut Vec<String>) {
    texts.push(stored.token.as_str().to_owned());
    texts.extend(stored.metadata.iter().map(|(_, text)| text.as_str().to_owned()));
}

/// What an entry is, and the profile or import that it is about.
fn described(key: &ParsedKey) -> (&'static str, Option<ProfileId>) {
    match key {
        ParsedKey::Alias(_, id) => ("an alias", Some(*id)),
        ParsedKey::FormerIdentifier(_, id, _) => ("a former identifier", Some(*id)),
        ParsedKey::Identifier(..) => ("an identifier", None),
        ParsedKey::ImportBody(_, id) => ("the errors of a bulk import", Some(*id)),
        ParsedKey::ImportRow(_, id, _) => ("a failed row of a bulk import", Some(*id)),
        ParsedKey::ImportRowName(_, _, id, _) => ("the names of a failed row", Some(*id)),
        ParsedKey::KeptValues(..) => ("replaced values", None),
        ParsedKey::Merge(_, id) => ("the record of a merge", Some(*id)),
        ParsedKey::Outcomes(..) => ("outcomes", None),
        ParsedKey::Profile(_, id) => ("a profile", Some(*id)),
        ParsedKey::ProfileChange(_, id, _) => ("a change of a profile", Some(*id)),
        ParsedKey::PushToken(_, id, _) => ("a push token", Some(*id)),
        ParsedKey::BackupPosition
        | ParsedKey::CompanyDeletion(_)
        | ParsedKey::Created(..)
        | ParsedKey::DeletionJob(..)
        | ParsedKey::Format
        | ParsedKey::Import(..)
        | ParsedKey::NewestOutcome(_)
        | ParsedKey::NoEmail(..)
        | ParsedKey::ProfileOutcome(..)
        | ParsedKey::PushTokenHolder(..)
        | ParsedKey::SenderKey
        | ParsedKey::TrustedTime
        | ParsedKey::Updated(..) => ("another entry", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_counts_at_the_borders_of_words_only() {
        let is_in = |text: &str, part: &str| {
            let found = text.match_indices(part);
            found.into_iter().any(|(at, part)| is_word(text.as_bytes(), at..at + part.len()))
        };
        for text in ["7", "a 7", r#"["7"]"#, r"\n7", r"\u00017", "tel:7.", "é 7"] {
            assert!(is_in(text, "7"), "{text}");
        }
        for text in ["17", "7a", "é7", "nn7"] {
            assert!(!is_in(text, "7"), "{text}");
        }
        assert!(is_in("tel+1500", "+1500") && !is_in("+15001", "+1500"));
        assert!(is_in("mailto:ann@x.co.", "ann@x.co") && !is_in("joann@x.co", "ann@x.co"));
    }
}
