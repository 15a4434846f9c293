//! A request in the making, and the faults met so far.

use std::{borrow::Cow, str::FromStr};

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::{ProfileEndpoint, ProfileRequest, SecondaryEmails, places};
use crate::{
    Change, Email, ExchangeToken, Fault, Field, IdentifierKind, Identifiers, Patch, PropertyName,
    PropertyValue, Revision, Text, Violations,
    json::{self, Scalar},
    limits,
    text::parse_coordinate,
    violation::{Report, pointer},
};

/// What has been read of a body so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) endpoint: ProfileEndpoint,
    pub(super) report: Report,
    pub(super) subject: Identifiers,
    pub(super) identifiers: Identifiers,
    pub(super) cleared: Vec<IdentifierKind>,
    pub(super) secondary_emails: SecondaryEmails,
    pub(super) patch: Patch,
    /// `$exchange_id`, which stands in for an `_kx` that is not there.
    pub(super) exchange_id: Option<ExchangeToken>,
    /// Whether an identifier was named, be it a faulty one.
    claimed: bool,
}

impl Draft {
    /// Reads a whole body. Fails only if it is not JSON.
    pub(super) fn read(endpoint: ProfileEndpoint, text: &str) -> Result<Draft, serde_json::Error> {
        let mut draft = Draft { endpoint, ..Draft::default() };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        places::read_document(&mut draft, &mut deserializer)?;
        deserializer.end()?;
        Ok(draft)
    }

    /// Reads what is the `data` of a body. Fails only if it is not JSON.
    pub(super) fn read_data(
        endpoint: ProfileEndpoint,
        text: &str,
    ) -> Result<Draft, serde_json::Error> {
        let mut draft = Draft { endpoint, ..Draft::default() };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        places::read_data(&mut draft, |data| data.deserialize(&mut deserializer))?;
        deserializer.end()?;
        Ok(draft)
    }

    /// The request, if nothing is wrong with it.
    pub(super) fn finish(mut self, revision: Revision) -> Result<ProfileRequest, Violations> {
        if limits::PROPERTIES < self.patch.properties.set.len() {
            self.report.add(places::PROPERTIES.to_owned(), Fault::TooManyProperties);
        }
        if let Some(violations) = self.report.into_violations() {
            return Err(violations);
        }
        let Draft { subject, mut identifiers, cleared, secondary_emails, patch, .. } = self;
        identifiers.exchange_token = identifiers.exchange_token.or(self.exchange_id);
        Ok(ProfileRequest { revision, subject, identifiers, cleared, secondary_emails, patch })
    }

    /// Notes that nobody is named, unless somebody is.
    pub(super) fn require_identifier(&mut self) {
        let fault = match self.endpoint {
            _ if self.claimed => return,
            // Its id, which has to be there, says whom.
            ProfileEndpoint::Update => return,
            ProfileEndpoint::Create => Fault::NobodyToCreate,
            ProfileEndpoint::Client | ProfileEndpoint::Import => Fault::NoIdentifier,
        };
        self.report.add(places::ATTRIBUTES.to_owned(), fault);
    }

    /// Reads an identifier. `null` counts as absent.
    pub(super) fn identifier<T>(&mut self, base: &str, name: &str, raw: &RawValue) -> Option<T>
    where
        T: FromStr,
        T::Err: Into<Fault>,
    {
        let scalar = Scalar::of(raw);
        self.claimed |= !matches!(scalar, Scalar::Null);
        let text = self.text(base, name, scalar)?;
        self.parsed(base, name, text.parse())
    }

    /// Reads one of the attributes that hold a single value.
    pub(super) fn field(&mut self, base: &str, field: Field, raw: &RawValue) {
        let name = field.name();
        let value = match (Scalar::of(raw), field.degrees()) {
            (Scalar::Null, _) => {
                self.patch.fields[field] = Change::Clear;
                return;
            }
            (Scalar::Number(digits), Some(degrees)) => {
                self.parsed(base, name, parse_coordinate(digits, degrees))
            }
            (Scalar::Other, Some(_)) => {
                let expected = "a number, or one in a string";
                self.report.add(pointer(base, name), Fault::WrongType { expected });
                return;
            }
            (scalar, Some(degrees)) => self
                .text(base, name, scalar)
                .and_then(|text| self.parsed(base, name, parse_coordinate(&text, degrees))),
            (scalar, None) => self
                .text(base, name, scalar)
                .and_then(|text| self.parsed(base, name, text.parse::<Text>())),
        };
        if let Some(value) = value {
            self.patch.fields[field] = Change::Set(value);
        }
    }

    /// Reads one custom property that gets a value.
    pub(super) fn property(&mut self, base: &str, name: &str, raw: &RawValue) {
        let key = self.parsed(base, name, name.parse::<PropertyName>());
        let value = self.parsed(base, name, PropertyValue::canonicalize(raw));
        if let (Some(key), Some(value)) = (key, value) {
            self.patch.properties.set.push((key, value));
        }
    }

    /// Reads the elements that join or leave one array: one value, many, or
    /// `null` for none.
    pub(super) fn elements(
        &mut self,
        base: &str,
        name: &str,
        raw: &RawValue,
    ) -> Option<(PropertyName, Vec<PropertyValue>)> {
        if let Scalar::Null = Scalar::of(raw) {
            return None;
        }
        let key = self.parsed(base, name, name.parse::<PropertyName>());
        let values = json::elements(raw).unwrap_or_else(|| vec![raw]);
        let values: Result<_, _> =
            values.into_iter().map(PropertyValue::canonicalize_element).collect();
        Some((key?, self.parsed(base, name, values)?))
    }

    /// Reads the names of properties that go: one, many or `null`.
    pub(super) fn unset(&mut self, base: &str, name: &str, raw: &RawValue) {
        for (raw, number) in one_or_many(raw) {
            let (base, name) = element_place(base, name, number);
            if let Some(text) = self.optional_text(&base, &name, raw)
                && let Some(gone) = self.parsed(&base, &name, text.parse::<PropertyName>())
            {
                self.patch.properties.unset.push(gone);
            }
        }
    }

    /// Reads secondary addresses: one, many or `null`.
    pub(super) fn emails(&mut self, base: &str, name: &str, raw: &RawValue) -> Vec<Email> {
        let mut emails = Vec::new();
        let addresses = one_or_many(raw);
        if limits::PATCHED_EMAILS < addresses.len() {
            self.report.add(pointer(base, name), Fault::WrongCount { expected: PATCHED_EMAILS });
            return emails;
        }
        for (raw, number) in addresses {
            let (base, name) = element_place(base, name, number);
            if let Some(text) = self.optional_text(&base, &name, raw) {
                emails.extend(self.parsed(&base, &name, text.parse::<Email>()));
            }
        }
        emails
    }

    fn optional_text<'a>(
        &mut self,
        base: &str,
        name: &str,
        raw: &'a RawValue,
    ) -> Option<Cow<'a, str>> {
        match Scalar::of(raw) {
            Scalar::Null => None,
            scalar => self.text(base, name, scalar),
        }
    }

    /// The text of a string; anything else but `null` is a fault.
    fn text<'a>(&mut self, base: &str, name: &str, scalar: Scalar<'a>) -> Option<Cow<'a, str>> {
        let fault = match scalar {
            Scalar::Null => return None,
            Scalar::Text(Some(text)) => return Some(text),
            Scalar::Text(None) => Fault::Surrogate,
            Scalar::Number(_) | Scalar::Other => Fault::WrongType { expected: "a string" },
        };
        self.report.add(pointer(base, name), fault);
        None
    }

    fn parsed<T, E: Into<Fault>>(
        &mut self,
        base: &str,
        name: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.report.add(pointer(base, name), error)).ok()
    }
}

const PATCHED_EMAILS: &str = "at most 100 addresses";
const _: () = assert!(limits::PATCHED_EMAILS == 100, "the fault says how many there may be");

/// The elements of an array with their places in it, or else the one value.
fn one_or_many(raw: &RawValue) -> Vec<(&RawValue, Option<usize>)> {
    match json::elements(raw) {
        Some(elements) => elements.into_iter().zip((0..).map(Some)).collect(),
        None => vec![(raw, None)],
    }
}

fn element_place<'a>(
    base: &'a str,
    name: &'a str,
    number: Option<usize>,
) -> (Cow<'a, str>, Cow<'a, str>) {
    match number {
        None => (base.into(), name.into()),
        Some(number) => (pointer(base, name).into(), number.to_string().into()),
    }
}
