//! A record of a table as a profile. An empty cell says nothing.

use serde_json::value::{RawValue, to_raw_value};

use super::{
    columns::{Column, Columns, record},
    json_row::object,
    part::RowFault,
    row_profile::RowProfile,
};
use crate::{ops::export::table::needs_guard, settings::ColumnTarget};

/// Reads a record.
pub(crate) fn table_row(columns: &Columns, bytes: &[u8]) -> Result<RowProfile, Vec<RowFault>> {
    let faulty = |pointer: &str, detail: String| vec![RowFault::in_file(pointer, detail)];
    let cells = record(bytes).ok_or_else(|| {
        faulty("", "The row must be one record: a quote within a cell is doubled.".to_owned())
    })?;
    let (found, expected) = (cells.len(), columns.columns.len());
    if found != expected {
        let detail = format!("The row has {found} cells; it must have {expected}, as the header.");
        return Err(faulty("", detail));
    }
    let mut profile = RowProfile::default();
    for (column, cell) in columns.columns.iter().zip(&cells) {
        let pointer = column.target.pointer();
        let text = std::str::from_utf8(cell)
            .map_err(|error| faulty(&pointer, format!("The cell must be UTF-8: {error}.")))?;
        let text = if columns.are_exported { without_guard(text) } else { text };
        if !text.is_empty() {
            profile.take_cell(column, text, &pointer)?;
        }
    }
    Ok(profile)
}

/// The text that an export put an apostrophe before.
fn without_guard(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| needs_guard(rest)).unwrap_or(text)
}

impl RowProfile {
    fn take_cell(
        &mut self,
        column: &Column,
        text: &str,
        pointer: &str,
    ) -> Result<(), Vec<RowFault>> {
        let fault = |detail: String| vec![RowFault::in_file(pointer, detail)];
        let value = || to_raw_value(text).map_err(|error| fault(error.to_string()));
        let list = || {
            serde_json::from_str::<Vec<Box<RawValue>>>(text)
                .map_err(|error| fault(format!("The cell must be a JSON array: {error}.")))
        };
        match &column.target {
            ColumnTarget::LeftOut => {}
            ColumnTarget::Id => self.id = Some(value()?),
            ColumnTarget::Identifier(name) => {
                self.attributes.0.push(((*name).to_owned(), value()?));
            }
            ColumnTarget::Attribute(field) => {
                let members =
                    if field.is_location() { &mut self.location } else { &mut self.attributes };
                members.0.push((field.name().to_owned(), value()?));
            }
            ColumnTarget::AnonymousIds => self.anonymous_ids = list()?,
            ColumnTarget::SecondaryEmails => self.secondary_emails = list()?,
            ColumnTarget::Properties => {
                let json = serde_json::from_str::<Box<RawValue>>(text)
                    .map_err(|error| fault(format!("The cell must be a JSON object: {error}.")))?;
                self.properties.0.extend(object(pointer, &json)?.0);
            }
            ColumnTarget::Property(name) => self.properties.0.push((name.clone(), value()?)),
            ColumnTarget::JsonProperty(name) => {
                let json = serde_json::from_str(text)
                    .map_err(|error| fault(format!("The cell must be JSON: {error}.")))?;
                self.properties.0.push((name.clone(), json));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_apostrophe_of_an_export_is_taken_away() {
        for (text, read) in [
            ("'=1", "=1"),
            ("''x", "'x"),
            ("'+1+1", "+1+1"),
            ("'x", "'x"),
            ("=1", "=1"),
            ("'", "'"),
            ("+15005550006", "+15005550006"),
        ] {
            assert_eq!(without_guard(text), read);
        }
    }
}
