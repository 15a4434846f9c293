//! What names the rows of a bulk import, as they were sent.
//!
//! A row that fails keeps its identifiers, so that its sender can tell which one it was. They
//! are read apart from the parser of profiles, because that refuses such rows.

use std::ops::Range;

use profile_protocol::ClaimedId;
use profile_store::{Identifier, ImportRow, ProfileRef};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};

use crate::limits;

/// The rows in the body of an import.
pub(super) struct SentRows {
    body: Vec<u8>,
    rows: Vec<Range<usize>>,
}

#[derive(Deserialize)]
struct SentDocument<'a> {
    #[serde(borrow)]
    data: SentImport<'a>,
}

#[derive(Deserialize)]
struct SentImport<'a> {
    #[serde(borrow)]
    attributes: SentAttributes<'a>,
}

#[derive(Deserialize)]
struct SentAttributes<'a> {
    #[serde(borrow)]
    profiles: SentProfiles<'a>,
}

#[derive(Deserialize)]
struct SentProfiles<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

/// A row, as far as its identifiers can be read.
#[derive(Default, Deserialize)]
struct SentRow<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    attributes: Option<&'a RawValue>,
}

/// Its identifiers.
#[derive(Default, Deserialize)]
struct SentIdentifiers<'a> {
    #[serde(borrow, default)]
    email: Option<&'a RawValue>,
    #[serde(borrow, default)]
    phone_number: Option<&'a RawValue>,
    #[serde(borrow, default)]
    external_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    anonymous_id: Option<&'a RawValue>,
}

impl SentRows {
    /// Finds the rows in a body that the parser of imports has accepted.
    pub(super) fn read(body: Vec<u8>) -> SentRows {
        let start = body.as_ptr() as usize;
        let document: Option<SentDocument<'_>> = serde_json::from_slice(without_mark(&body)).ok();
        let rows = document.map(|document| document.data.attributes.profiles.data);
        let range = |row: &&RawValue| {
            let from = (row.get().as_ptr() as usize).saturating_sub(start);
            from..from + row.get().len()
        };
        let rows = rows.iter().flatten().map(range).collect();
        SentRows { body, rows }
    }

    /// What names a row.
    pub(super) fn row(&self, number: u32) -> Option<ImportRow> {
        let range = self.rows.get(usize::try_from(number).ok()?)?.clone();
        let text = std::str::from_utf8(self.body.get(range)?).ok()?;
        Some(import_row(number, text))
    }
}

/// A body may begin with a byte-order mark.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

fn import_row(number: u32, text: &str) -> ImportRow {
    // A row that is no object has no identifiers.
    let SentRow { id, attributes } = object(text).unwrap_or_default();
    let sent = attributes.map(|raw| object(raw.get()).unwrap_or_default());
    let SentIdentifiers { email, phone_number, external_id, anonymous_id } =
        sent.unwrap_or_default();
    let mut names = Vec::new();
    let mut shown = |raw: Option<&RawValue>, name: fn(&str) -> Option<ProfileRef>| {
        let (value, text) = sent_value(raw?)?;
        names.extend(name(&text));
        Some(value)
    };
    let mut payload = Map::from_iter([("type".to_owned(), Value::from("profile"))]);
    payload.extend(shown(id, named_by_id).map(|value| ("id".to_owned(), value)));
    let attributes: Map<String, Value> = [
        ("email", shown(email, |text| named(text, Identifier::Email))),
        ("phone_number", shown(phone_number, named_by_number)),
        ("external_id", shown(external_id, |text| named(text, Identifier::ExternalId))),
        ("anonymous_id", shown(anonymous_id, |text| named(text, Identifier::AnonymousId))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect();
    payload.insert("attributes".to_owned(), attributes.into());
    ImportRow { row: number, names, payload: Value::Object(payload).to_string() }
}

/// The members of an object. serde would read those of an array as well.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    if text.starts_with('{') { serde_json::from_str(text).ok() } else { None }
}

/// A text or number that is not too long, and its text.
fn sent_value(raw: &RawValue) -> Option<(Value, String)> {
    if limits::IMPORT_SENT_BYTES < raw.get().len() {
        return None;
    }
    match read(raw)? {
        // Readers with a database such as PostgreSQL cannot take it, and it names no profile.
        Value::String(text) if text.contains('\0') => None,
        Value::String(text) => Some((Value::String(text.clone()), text)),
        // The digits as they were sent.
        Value::Number(number) => Some((Value::Number(number), raw.get().to_owned())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn read<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn named<T: std::str::FromStr>(text: &str, identifier: fn(T) -> Identifier) -> Option<ProfileRef> {
    text.parse().ok().map(identifier).map(ProfileRef::Identifier)
}

/// A number without its sign is the same number.
fn named_by_number(text: &str) -> Option<ProfileRef> {
    named(text, Identifier::PhoneNumber)
        .or_else(|| named(&format!("+{text}"), Identifier::PhoneNumber))
}

/// An id of this system; any other id may be an external id.
fn named_by_id(text: &str) -> Option<ProfileRef> {
    match text.parse() {
        Ok(ClaimedId::Profile(id)) => Some(ProfileRef::Id(id)),
        Ok(ClaimedId::Foreign) => named(text, Identifier::ExternalId),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use profile_store::limits as store;

    use super::*;

    fn rows(rows: &str) -> SentRows {
        let body = format!(
            r#" {{"data":{{"type":"x","attributes":{{"profiles":{{"data":[{rows}]}},"y":1}}}}}}"#
        );
        SentRows::read(body.into_bytes())
    }

    fn payload(row: &str) -> (String, usize) {
        let row = rows(&format!("1, {row}")).row(1).unwrap();
        (row.payload, row.names.len())
    }

    #[test]
    fn a_row_is_named_by_its_identifiers_as_they_were_sent() {
        let sent = r#"{"type":"profile","id":"01GDDKASAP8TKDDA2GRZDSVP4H","attributes":
            {"first_name":"Ann","email":" Ann@Example.com","phone_number":15005550006,
            "external_id":"a\"b","anonymous_id":null,"properties":{"email":"other"}}}"#;
        let expected = r#"{"attributes":{"email":" Ann@Example.com","external_id":"a\"b","phone_number":15005550006},"id":"01GDDKASAP8TKDDA2GRZDSVP4H","type":"profile"}"#;
        assert_eq!(payload(sent), (expected.to_owned(), 4));
    }

    #[test]
    fn what_is_no_identifier_is_shown_and_names_no_person() {
        let (text, names) = payload(r#"{"attributes":{"email":"no address","phone_number":"x"}}"#);
        let shown = r#"{"attributes":{"email":"no address","phone_number":"x"},"type":"profile"}"#;
        assert_eq!((text.as_str(), names), (shown, 0));
    }

    #[test]
    fn a_row_without_readable_identifiers_has_an_empty_payload() {
        let empty = r#"{"attributes":{},"type":"profile"}"#;
        let long = "x".repeat(limits::IMPORT_SENT_BYTES);
        for row in [
            "1",
            "null",
            "[]",
            r#""ann@example.com""#,
            r#"{"attributes":[1]}"#,
            r#"{"attributes":{"email":["ann@example.com"],"external_id":{},"anonymous_id":true}}"#,
            r#"{"attributes":{"email":"\ud800@example.com"}}"#,
            r#"{"attributes":{"email":"a@example.com","email":"b@example.com"}}"#,
            &format!(r#"{{"attributes":{{"external_id":"{long}"}}}}"#),
        ] {
            assert_eq!(payload(row), (empty.to_owned(), 0), "{row}");
        }
    }

    #[test]
    fn the_longest_identifiers_fit_into_what_the_store_keeps() {
        let long = "\\\"".repeat(limits::IMPORT_SENT_BYTES / 2 - 1);
        let row = format!(
            r#"{{"id":"{long}","attributes":{{"email":"{long}","phone_number":"{long}",
            "external_id":"{long}","anonymous_id":"{long}"}}}}"#
        );
        let row = rows(&row).row(0).unwrap();
        assert!(limits::IMPORT_SENT_BYTES * 4 < row.payload.len());
        assert!(row.payload.len() <= store::IMPORT_ROW_BYTES);
        assert!(row.names.len() <= store::IMPORT_ROW_NAMES);
    }

    #[test]
    fn a_body_with_a_byte_order_mark_has_the_same_rows() {
        let marked = [b"\xef\xbb\xbf".as_slice(), &rows(r#"{"id":"x"}"#).body].concat();
        let row = SentRows::read(marked).row(0).unwrap();
        assert!(row.payload.contains(r#""id":"x""#));
        assert!(SentRows::read(b"{".to_vec()).row(0).is_none());
    }
}
