//! Reads a TOML document setting by setting.
//!
//! Deserializing into a struct would stop at the first fault. Here every fault is reported with its
//! setting and its line, and reading continues.

use std::{fmt::Display, ops::RangeInclusive, path::PathBuf, rc::Rc, str::FromStr};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    expected::{ExpectedForm, ExpectedTable, ExpectedValue},
    problem::ProblemReport,
};

/// A table of the document. Settings are taken from it one by one.
pub(super) struct SettingsTable<'d> {
    at: usize,
    entries: TableEntries<'d>,
    accepted: Vec<&'static str>,
    path: String,
}

/// Where the settings of a table come from.
enum TableEntries<'d> {
    /// The document.
    Document(DeTable<'d>),
    /// There is no document: what is taken is noted.
    Expected(Rc<ExpectedTable>),
}

impl<'d> SettingsTable<'d> {
    /// Parses the whole document.
    pub(super) fn document(text: &'d str) -> Result<SettingsTable<'d>, Vec<toml::de::Error>> {
        match DeTable::parse_recoverable(text) {
            (document, errors) if errors.is_empty() => {
                let entries = TableEntries::Document(document.into_inner());
                Ok(SettingsTable { at: 0, entries, accepted: Vec::new(), path: String::new() })
            }
            // The rest of a malformed document would only produce misleading problems.
            (_, errors) => Err(errors),
        }
    }

    /// A table in which every setting is present. What is taken from it, and as what, is noted in
    /// `expected`; no value is ever returned.
    pub(super) fn expecting(expected: &Rc<ExpectedTable>) -> SettingsTable<'d> {
        let entries = TableEntries::Expected(Rc::clone(expected));
        SettingsTable { at: 0, entries, accepted: Vec::new(), path: String::new() }
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
        match &mut self.entries {
            TableEntries::Document(entries) => {
                let value = entries.remove(name)?;
                Some(SettingValue::new(self.path_of(name), value))
            }
            TableEntries::Expected(expected) => {
                let value = SettingContent::Expected(expected.add(name));
                Some(SettingValue { at: self.at, path: self.path_of(name), value })
            }
        }
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
        if let TableEntries::Expected(expected) = &self.entries {
            expected.require(name);
        }
        field
    }

    /// Takes the setting that is present of several that exclude one another.
    pub(super) fn take_one_of<const N: usize>(
        &mut self,
        names: [&'static str; N],
        report: &mut ProblemReport,
    ) -> [Option<SettingValue<'d>>; N] {
        if let TableEntries::Expected(expected) = &self.entries {
            expected.exclude(&names);
            return names.map(|name| self.take(name));
        }
        let mut first = None;
        names.map(|name| {
            let field = self.take(name)?;
            if let Some(first) = first {
                report.add(field.at, &field.path, format_args!("excludes {first}"));
                return None;
            }
            first = Some(name);
            Some(field)
        })
    }

    /// The same, of settings of which one is required.
    pub(super) fn require_one_of<const N: usize>(
        &mut self,
        names: [&'static str; N],
        report: &mut ProblemReport,
    ) -> [Option<SettingValue<'d>>; N] {
        let taken = self.take_one_of(names, report);
        if taken.iter().all(Option::is_none) {
            let names = names.join(", ");
            report.add(self.at, &self.path, format_args!("must have one of {names}"));
        }
        if let TableEntries::Expected(expected) = &self.entries {
            expected.require_one_of(&names);
        }
        taken
    }

    /// Reports the settings that were not taken.
    pub(super) fn finish(self, report: &mut ProblemReport) {
        let accepted = self.accepted.join(", ");
        let TableEntries::Document(entries) = &self.entries else { return };
        for name in entries.keys() {
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
    value: SettingContent<'d>,
}

/// Where a value comes from, as of [`TableEntries`].
enum SettingContent<'d> {
    Document(DeValue<'d>),
    Expected(Rc<ExpectedValue>),
}

impl<'d> SettingContent<'d> {
    /// The value in the document. If there is none, the form that it should have is noted.
    fn or_note(self, form: ExpectedForm) -> Option<DeValue<'d>> {
        match self {
            SettingContent::Document(value) => Some(value),
            SettingContent::Expected(expected) => {
                expected.add(form);
                None
            }
        }
    }
}

impl<'d> SettingValue<'d> {
    fn new(path: String, value: Spanned<DeValue<'d>>) -> SettingValue<'d> {
        let at = value.span().start;
        SettingValue { at, path, value: SettingContent::Document(value.into_inner()) }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the value is this text.
    pub(super) fn is(&self, text: &'static str) -> bool {
        match &self.value {
            SettingContent::Document(value) => value.as_str() == Some(text),
            SettingContent::Expected(expected) => {
                expected.add(ExpectedForm::Word(text));
                false
            }
        }
    }

    /// The value as an integer in this range.
    pub(super) fn number(
        self,
        range: &RangeInclusive<u64>,
        report: &mut ProblemReport,
    ) -> Option<u64> {
        let value = self.value.or_note(ExpectedForm::Number(range.clone()))?;
        let number = value.as_integer();
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
        let value = self.value.or_note(ExpectedForm::Boolean)?;
        let DeValue::Boolean(so) = value else {
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

    /// The value as one string, or as a list of 1 to `most` strings, parsed.
    pub(super) fn one_or_list<T>(self, most: usize, report: &mut ProblemReport) -> Vec<T>
    where
        T: FromStr<Err: Display>,
    {
        let is_one = match &self.value {
            SettingContent::Document(value) => value.as_array().is_none(),
            SettingContent::Expected(expected) => {
                expected.add(ExpectedForm::Text);
                false
            }
        };
        if is_one {
            return self.parse(report).into_iter().collect();
        }
        let elements = self.elements(1..=most, report);
        elements.into_iter().filter_map(|element| element.parse(report)).collect()
    }

    /// The elements of an array of strings, as in `["…", "…"]`, of which there are so many.
    pub(super) fn elements(
        self,
        lengths: RangeInclusive<usize>,
        report: &mut ProblemReport,
    ) -> Vec<SettingValue<'d>> {
        self.list("must be a list, as in [\"…\", \"…\"]", lengths, report)
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
        let entries = match self.value {
            SettingContent::Document(DeValue::Table(entries)) => TableEntries::Document(entries),
            SettingContent::Document(_) => {
                report.add(self.at, &self.path, otherwise);
                return None;
            }
            SettingContent::Expected(expected) => {
                let table = Rc::default();
                expected.add(ExpectedForm::Table(Rc::clone(&table)));
                TableEntries::Expected(table)
            }
        };
        Some(SettingsTable { at: self.at, entries, accepted: Vec::new(), path: self.path })
    }

    /// The tables of an array, `[[name]]`, of which there are so many.
    pub(super) fn tables(
        self,
        lengths: RangeInclusive<usize>,
        report: &mut ProblemReport,
    ) -> Vec<SettingsTable<'d>> {
        let elements = self.list("must be a list of tables, as [[…]] writes them", lengths, report);
        elements.into_iter().filter_map(|element| element.table(report)).collect()
    }

    fn list(
        self,
        otherwise: &str,
        lengths: RangeInclusive<usize>,
        report: &mut ProblemReport,
    ) -> Vec<SettingValue<'d>> {
        let (at, path) = (self.at, self.path);
        let element = |index: usize| format!("{path}[#{}]", index + 1);
        match self.value {
            SettingContent::Document(DeValue::Array(elements)) => {
                if !lengths.contains(&elements.len()) {
                    report.add(at, &path, outside(&lengths));
                }
                let elements = elements.into_iter().enumerate();
                elements.map(|(index, value)| SettingValue::new(element(index), value)).collect()
            }
            SettingContent::Document(_) => {
                report.add(at, &path, otherwise);
                Vec::new()
            }
            SettingContent::Expected(expected) => {
                let value = Rc::default();
                expected.add(ExpectedForm::List { lengths, element: Rc::clone(&value) });
                let value = SettingContent::Expected(value);
                vec![SettingValue { at, path: element(0), value }]
            }
        }
    }

    fn text(self, report: &mut ProblemReport) -> Option<DeString<'d>> {
        if let DeValue::String(text) = self.value.or_note(ExpectedForm::Text)? {
            return Some(text);
        }
        report.add(self.at, &self.path, "must be a string");
        None
    }
}

/// What a list has to be that is shorter or longer than this.
fn outside(lengths: &RangeInclusive<usize>) -> String {
    match (lengths.start(), lengths.end()) {
        (0, most) => format!("must have at most {most} entries"),
        (least, most) => format!("must have {least} to {most} entries"),
    }
}
