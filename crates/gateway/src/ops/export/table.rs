//! Profiles as a table in CSV: a header row, a column for each attribute, and one for all custom
//! properties, in JSON.
//!
//! Visitors choose many of these texts, and spreadsheets carry out texts that look like formulas.
//! Such a text gets an apostrophe in front, which spreadsheets take as the sign of a text. A text
//! that begins with an apostrophe gets another one, so that an import can tell them apart. Plain
//! numbers, such as phone numbers and coordinates, are no danger and stay as they are.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use profile_protocol::{Email, ExternalId, Field, PhoneNumber, Text};
use profile_store::{Profile, ProfileIdentifiers};

use crate::api::{Fieldset, properties_json, rfc3339};

/// The columns before those of [`Field::ALL`].
pub(crate) const IDENTIFIER_COLUMNS: [&str; 6] =
    ["id", "email", "phone_number", "external_id", "anonymous_ids", "secondary_emails"];

/// The columns after them.
pub(crate) const LAST_COLUMNS: [&str; 3] = ["properties", "created", "updated"];

/// The names of all columns.
pub(crate) fn columns() -> impl Iterator<Item = &'static str> {
    let fields = Field::ALL.into_iter().map(Field::name);
    IDENTIFIER_COLUMNS.into_iter().chain(fields).chain(LAST_COLUMNS)
}

/// Writes a row for each profile.
pub(super) struct TableWriter<W: Write> {
    rows: Writer<W>,
    fields: Fieldset,
}

impl<W: Write> TableWriter<W> {
    /// A table with its header row.
    pub(super) fn new(output: W) -> io::Result<TableWriter<W>> {
        let mut table = TableWriter::continuing(output);
        table.rows.write_record(columns())?;
        Ok(table)
    }

    /// The same without the header row.
    pub(super) fn continuing(output: W) -> TableWriter<W> {
        let rows = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(output);
        TableWriter { rows, fields: Fieldset::with_identifiers() }
    }

    pub(super) fn write(&mut self, profile: &Profile) -> io::Result<()> {
        let identifiers = identifiers(profile)?;
        let cells = identifiers.into_iter().chain(Field::ALL.map(|field| {
            profile.attributes.fields[field].as_ref().map_or("", Text::as_str).to_owned()
        }));
        let has_properties = !profile.attributes.properties.is_empty();
        let properties =
            if has_properties { properties_json(profile, &self.fields)? } else { String::new() };
        let last = [properties, rfc3339(profile.created), rfc3339(profile.updated)];
        self.rows.write_record(cells.chain(last).map(guarded))?;
        Ok(())
    }

    pub(super) fn into_output(self) -> io::Result<W> {
        self.rows.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

fn identifiers(profile: &Profile) -> io::Result<[String; 6]> {
    let ProfileIdentifiers { email, phone_number, external_id, devices, secondary_emails, .. } =
        &profile.identifiers;
    Ok([
        profile.id.to_string(),
        email.as_ref().map_or("", Email::as_str).to_owned(),
        phone_number.as_ref().map_or("", PhoneNumber::as_str).to_owned(),
        external_id.as_ref().map_or("", ExternalId::as_str).to_owned(),
        list(devices.iter().map(|device| device.id.as_str()))?,
        list(secondary_emails.iter().map(Email::as_str))?,
    ])
}

/// Texts as a JSON array; nothing if there are none.
fn list<'a>(texts: impl Iterator<Item = &'a str>) -> io::Result<String> {
    let texts: Vec<&str> = texts.collect();
    if texts.is_empty() { Ok(String::new()) } else { Ok(serde_json::to_string(&texts)?) }
}

/// A text that no spreadsheet takes for a formula.
fn guarded(text: String) -> String {
    if needs_guard(&text) { format!("'{text}") } else { text }
}

/// Whether an apostrophe is put before a text.
pub(crate) fn needs_guard(text: &str) -> bool {
    match text.strip_prefix(['+', '-']) {
        Some(rest) => !is_plain_number(rest),
        None => text.starts_with(['=', '@', '\t', '\r', '\'']),
    }
}

/// Whether a text has only digits, and at most one point among them.
fn is_plain_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_get_an_apostrophe_and_numbers_stay_as_they_are() {
        for text in ["=1+1", "@SUM(A1)", "+1+cmd|' /C calc'!A0", "-2+3", "\t=1", "\r=1", "'x", "+"]
        {
            assert_eq!(guarded(text.to_owned()), format!("'{text}"), "{text:?}");
        }
        for text in ["", "Ann", "+15005550006", "-122.41", "12", "{\"a\":\"=1\"}", "a=b"] {
            assert_eq!(guarded(text.to_owned()), text);
        }
    }
}
