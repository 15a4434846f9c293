//! A TOML document, taken apart setting by setting.
//!
//! Deserializing it into a struct would stop at the first fault. Here every fault
//! is reported with its place and its line, and reading goes on.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::problem::Report;

/// A table of the document, from which settings are taken one by one.
pub(super) struct Table<'d> {
    at: usize,
    entries: DeTable<'d>,
    known: Vec<&'static str>,
    place: String,
}

impl<'d> Table<'d> {
    /// The whole document, unless it is not TOML.
    pub(super) fn document(text: &'d str) -> Result<Table<'d>, Vec<toml::de::Error>> {
        match DeTable::parse_recoverable(text) {
            (document, errors) if errors.is_empty() => {
                let entries = document.into_inner();
                Ok(Table { at: 0, entries, known: Vec::new(), place: String::new() })
            }
            // What remains of a broken document is no guide to what was meant.
            (_, errors) => Err(errors),
        }
    }

    /// Calls an element of a list by its name from here on, and not by its number.
    pub(super) fn label(&mut self, name: impl Display) {
        if let Some(bracket) = self.place.rfind('[') {
            let list = self.place.split_at(bracket).0;
            self.place = format!("{list}[{name}]");
        }
    }

    /// Takes a setting that may be absent.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Field<'d>> {
        self.known.push(name);
        let value = self.entries.remove(name)?;
        Some(Field::new(self.place_of(name), value))
    }

    /// Takes a setting that must be there.
    pub(super) fn require(&mut self, name: &'static str, report: &mut Report) -> Option<Field<'d>> {
        let field = self.take(name);
        if field.is_none() {
            report.add(self.at, &self.place_of(name), "is missing");
        }
        field
    }

    /// Reports the settings that were not taken.
    pub(super) fn finish(self, report: &mut Report) {
        let known = self.known.join(", ");
        for name in self.entries.keys() {
            let place = self.place_of(name.get_ref());
            report.add(name.span().start, &place, format_args!("is unknown; known are {known}"));
        }
    }

    fn place_of(&self, name: &str) -> String {
        match self.place.as_str() {
            "" => name.to_owned(),
            place => format!("{place}.{name}"),
        }
    }
}

/// The value of one setting.
pub(super) struct Field<'d> {
    at: usize,
    place: String,
    value: DeValue<'d>,
}

impl<'d> Field<'d> {
    fn new(place: String, value: Spanned<DeValue<'d>>) -> Field<'d> {
        Field { at: value.span().start, place, value: value.into_inner() }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The whole number in this range.
    pub(super) fn number(self, range: &RangeInclusive<u64>, report: &mut Report) -> Option<u64> {
        let number = match &self.value {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let message = format_args!("must be a whole number from {least} to {most}");
            report.add(self.at, &self.place, message);
        }
        number
    }

    /// Whether it is so.
    pub(super) fn boolean(self, report: &mut Report) -> Option<bool> {
        let DeValue::Boolean(so) = self.value else {
            report.add(self.at, &self.place, "must be true or false");
            return None;
        };
        Some(so)
    }

    /// What the string stands for.
    pub(super) fn parse<T>(self, report: &mut Report) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        self.read(report, T::from_str)
    }

    /// What `read` makes of the string.
    pub(super) fn read<T, E: Display>(
        self,
        report: &mut Report,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (at, place) = (self.at, self.place.clone());
        match read(&self.text(report)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                report.add(at, &place, reason);
                None
            }
        }
    }

    /// The elements of a list, as `["…", "…"]` writes them.
    pub(super) fn elements(self, report: &mut Report) -> Vec<Field<'d>> {
        self.list("must be a list, as in [\"…\", \"…\"]", report)
    }

    /// The table.
    pub(super) fn table(self, report: &mut Report) -> Option<Table<'d>> {
        let DeValue::Table(entries) = self.value else {
            report.add(self.at, &self.place, "must be a table");
            return None;
        };
        Some(Table { at: self.at, entries, known: Vec::new(), place: self.place })
    }

    /// The tables of a list, as `[[name]]` writes them.
    pub(super) fn tables(self, report: &mut Report) -> Vec<Table<'d>> {
        let elements = self.list("must be a list of tables, as [[…]] writes them", report);
        elements.into_iter().filter_map(|element| element.table(report)).collect()
    }

    fn list(self, otherwise: &str, report: &mut Report) -> Vec<Field<'d>> {
        let DeValue::Array(elements) = self.value else {
            report.add(self.at, &self.place, otherwise);
            return Vec::new();
        };
        let place = |index: usize| format!("{}[#{}]", self.place, index + 1);
        let elements = elements.into_iter().enumerate();
        elements.map(|(index, value)| Field::new(place(index), value)).collect()
    }

    fn text(self, report: &mut Report) -> Option<DeString<'d>> {
        if let DeValue::String(text) = self.value {
            return Some(text);
        }
        report.add(self.at, &self.place, "must be a string");
        None
    }
}
