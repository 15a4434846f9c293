//! Reads a TOML document setting by setting.
//!
//! Deserializing into a struct would stop at the first fault. Here every fault is reported with its
//! setting and its line, and reading continues.

use std::{fmt::Display, ops::RangeInclusive, path::PathBuf, str::FromStr};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::problem::ProblemReport;

/// A table of the document. Settings are taken from it one by one.
pub(super) struct SettingsTable<'d> {
    at: usize,
    entries: DeTable<'d>,
    accepted: Vec<&'static str>,
    path: String,
}

impl<'d> SettingsTable<'d> {
    /// Parses the whole document.
    pub(super) fn document(text: &'d str) -> Result<SettingsTable<'d>, Vec<toml::de::Error>> {
        match DeTable::parse_recoverable(text) {
            (document, errors) if errors.is_empty() => {
                let entries = document.into_inner();
                Ok(SettingsTable { at: 0, entries, accepted: Vec::new(), path: String::new() })
            }
            // The rest of a malformed document would only produce misleading problems.
            (_, errors) => Err(errors),
        }
    }

    /// From here on, problems name this list element by its name instead of its index.
    pub(super) fn label(&mut self, name: impl Display) {
        if let Some(bracket) = self.path.rfind('[') {
            let list = self.path.split_at(bracket).0;
            self.path = format!("{list}[{name}]");
        }
    }

    /// Takes an optional setting.
    pub(super) fn take(&mut self, name: &'static str) -> Option<SettingValue<'d>> {
        self.accepted.push(name);
        let value = self.entries.remove(name)?;
        Some(SettingValue::new(self.path_of(name), value))
    }

    /// Takes a required setting.
    pub(super) fn require(
        &mut self,
        name: &'static str,
        report: &mut ProblemReport,
    ) -> Option<SettingValue<'d>> {
        let field = self.take(name);
        if field.is_none() {
            report.add(self.at, &self.path_of(name), "is missing");
        }
        field
    }

    /// Reports the settings that were not taken.
    pub(super) fn finish(self, report: &mut ProblemReport) {
        let accepted = self.accepted.join(", ");
        for name in self.entries.keys() {
            let path = self.path_of(name.get_ref());
            report.add(
                name.span().start,
                &path,
                format_args!("is unknown; expected one of {accepted}"),
            );
        }
    }

    fn path_of(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

/// The value of one setting.
pub(super) struct SettingValue<'d> {
    at: usize,
    path: String,
    value: DeValue<'d>,
}

impl<'d> SettingValue<'d> {
    fn new(path: String, value: Spanned<DeValue<'d>>) -> SettingValue<'d> {
        SettingValue { at: value.span().start, path, value: value.into_inner() }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the value is this text.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(&self.value, DeValue::String(value) if value == text)
    }

    /// The value as an integer in this range.
    pub(super) fn number(
        self,
        range: &RangeInclusive<u64>,
        report: &mut ProblemReport,
    ) -> Option<u64> {
        let number = self.value.as_integer();
        let number =
            number.and_then(|digits| u64::from_str_radix(digits.as_str(), digits.radix()).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let message = format_args!("must be a whole number from {least} to {most}");
            report.add(self.at, &self.path, message);
        }
        number
    }

    /// The value as a boolean.
    pub(super) fn boolean(self, report: &mut ProblemReport) -> Option<bool> {
        let DeValue::Boolean(so) = self.value else {
            report.add(self.at, &self.path, "must be true or false");
            return None;
        };
        Some(so)
    }

    /// The value as a string, parsed.
    pub(super) fn parse<T>(self, report: &mut ProblemReport) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        self.read(report, T::from_str)
    }

    /// The value as a string, converted by `read`.
    pub(super) fn read<T, E: Display>(
        self,
        report: &mut ProblemReport,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (at, path) = (self.at, self.path.clone());
        match read(&self.text(report)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                report.add(at, &path, reason);
                None
            }
        }
    }

    /// The value as the path of a file or of a directory.
    pub(super) fn file(self, report: &mut ProblemReport) -> Option<PathBuf> {
        let named =
            |text: &str| if text.is_empty() { Err("must not be empty") } else { Ok(text.into()) };
        self.read(report, named)
    }

    /// The value as a list of 1 to `most` strings, parsed.
    pub(super) fn one_to<T>(self, most: usize, report: &mut ProblemReport) -> Vec<T>
    where
        T: FromStr<Err: Display>,
    {
        let (at, path) = (self.at, self.path.clone());
        let elements = self.elements(report);
        if elements.is_empty() || most < elements.len() {
            report.add(at, &path, format_args!("must have 1 to {most} entries"));
        }
        elements.into_iter().filter_map(|element| element.parse(report)).collect()
    }

    /// The value as one string, or as a list of 1 to `most` strings, parsed.
    pub(super) fn one_or_list<T>(self, most: usize, report: &mut ProblemReport) -> Vec<T>
    where
        T: FromStr<Err: Display>,
    {
        match &self.value {
            DeValue::Array(_) => self.one_to(most, report),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => self.parse(report).into_iter().collect(),
        }
    }

    /// The elements of an array of strings: `["…", "…"]`.
    pub(super) fn elements(self, report: &mut ProblemReport) -> Vec<SettingValue<'d>> {
        self.list("must be a list, as in [\"…\", \"…\"]", report)
    }

    /// The value as a table.
    pub(super) fn table(self, report: &mut ProblemReport) -> Option<SettingsTable<'d>> {
        self.table_or("must be a table", report)
    }

    /// The value as a table. `otherwise` says what it has to be.
    pub(super) fn table_or(
        self,
        otherwise: &str,
        report: &mut ProblemReport,
    ) -> Option<SettingsTable<'d>> {
        let DeValue::Table(entries) = self.value else {
            report.add(self.at, &self.path, otherwise);
            return None;
        };
        Some(SettingsTable { at: self.at, entries, accepted: Vec::new(), path: self.path })
    }

    /// The tables of an array: `[[name]]`.
    pub(super) fn tables(self, report: &mut ProblemReport) -> Vec<SettingsTable<'d>> {
        let elements = self.list("must be a list of tables, as [[…]] writes them", report);
        elements.into_iter().filter_map(|element| element.table(report)).collect()
    }

    fn list(self, otherwise: &str, report: &mut ProblemReport) -> Vec<SettingValue<'d>> {
        let DeValue::Array(elements) = self.value else {
            report.add(self.at, &self.path, otherwise);
            return Vec::new();
        };
        let path = |index: usize| format!("{}[#{}]", self.path, index + 1);
        let elements = elements.into_iter().enumerate();
        elements.map(|(index, value)| SettingValue::new(path(index), value)).collect()
    }

    fn text(self, report: &mut ProblemReport) -> Option<DeString<'d>> {
        if let DeValue::String(text) = self.value {
            return Some(text);
        }
        report.add(self.at, &self.path, "must be a string");
        None
    }
}
