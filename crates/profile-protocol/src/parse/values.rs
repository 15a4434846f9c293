//! The values of a body: parses each, and gathers the request and its violations.

use std::{borrow::Cow, str::FromStr};

use serde_json::value::RawValue;

use crate::{
    Change, Email, ExchangeToken, Fault, Field, Identifiers, InvalidOpaqueId, PropertyName,
    PropertyValue, Revision, Text, Violations,
    endpoint::ProfileEndpoint,
    grammar::{FieldName, FieldRule, IdentifierField, ListStep},
    json::{self, Scalar},
    limits,
    pointer::PointerPath,
    request::{ProfileRequest, RequestParts},
    text::parse_coordinate,
    violation::Report,
};

/// What has been read of a body so far.
pub(super) struct RequestParser {
    pub(super) endpoint: ProfileEndpoint,
    report: Report,
    parts: RequestParts,
    /// `$exchange_id`, which counts where `_kx` is absent.
    fallback_token: Option<ExchangeToken>,
    /// Whether any identifier was given, valid or not.
    identified: bool,
}

/// The two sets of identifiers of a request.
#[derive(Clone, Copy)]
pub(super) enum Section {
    /// Those among the attributes, and `data.id`.
    Attributes,
    /// Those in `meta.identifiers`.
    Subject,
}

impl RequestParser {
    pub(super) fn new(endpoint: ProfileEndpoint, revision: Revision) -> RequestParser {
        let parts = RequestParts::new(revision);
        let report = Report::default();
        RequestParser { endpoint, report, parts, fallback_token: None, identified: false }
    }

    /// The request, or everything that is wrong with it.
    pub(super) fn finish(mut self) -> Result<ProfileRequest, Violations> {
        if limits::PROPERTIES < self.parts.patch.properties.set.len() {
            let attributes = PointerPath::Root.member(FieldName::Data.as_str());
            let attributes = attributes.member(FieldName::Attributes.as_str());
            self.add(attributes.member(FieldName::Properties.as_str()), Fault::TooManyProperties);
        }
        if let Some(violations) = self.report.into_violations() {
            return Err(violations);
        }
        let token = &mut self.parts.identifiers.exchange_token;
        *token = token.take().or(self.fallback_token);
        Ok(ProfileRequest::from_parsed(self.parts))
    }

    /// Notes a violation.
    pub(super) fn add(&mut self, at: PointerPath<'_>, fault: impl Into<Fault>) {
        self.report.add(at.to_pointer(), fault);
    }

    /// Notes that the resource at `at` has no identifier, if it has none. `empty` says that it has
    /// nothing but its type.
    pub(super) fn require_identifier(&mut self, at: PointerPath<'_>, empty: bool) {
        let fault = match self.endpoint {
            // An update needs the id, which the grammar requires, and nothing else.
            ProfileEndpoint::Update => return,
            _ if empty => return self.add(at, Fault::EmptyData),
            _ if self.identified => return,
            ProfileEndpoint::Create => Fault::NoIdentifierToCreate,
            ProfileEndpoint::Client | ProfileEndpoint::Import => Fault::NoIdentifier,
        };
        self.add(at.member(FieldName::Attributes.as_str()), fault);
    }

    pub(super) fn resource_type(
        &mut self,
        at: PointerPath<'_>,
        resource: &'static str,
        raw: &RawValue,
    ) {
        if !matches!(Scalar::from_json(raw), Scalar::Text(Some(text)) if text == resource) {
            self.add(at, Fault::WrongResource { resource });
        }
    }

    /// Reads an identifier among the attributes, or `data.id`. `null` removes the identifier where
    /// the endpoint and the kind allow that.
    pub(super) fn attribute_identifier(
        &mut self,
        at: PointerPath<'_>,
        rule: &'static FieldRule,
        field: IdentifierField,
        raw: &RawValue,
    ) {
        if let Scalar::Null = Scalar::from_json(raw) {
            if rule.required.contains(self.endpoint) {
                self.add(at, Fault::Missing { name: rule.name });
            } else if self.endpoint.clears_identifiers() {
                self.parts.cleared.extend(field.cleared_kind());
            }
            return;
        }
        self.identifier(at, Section::Attributes, field, raw);
    }

    /// Reads an identifier. `null` counts as absent.
    pub(super) fn identifier(
        &mut self,
        at: PointerPath<'_>,
        section: Section,
        field: IdentifierField,
        raw: &RawValue,
    ) {
        if field == IdentifierField::ExchangeToken {
            let token = self.exchange_token(at, raw);
            self.identifiers_in(section).exchange_token = token;
        } else if let Some(text) = self.identifier_text(at, raw) {
            let read = set_identifier(self.identifiers_in(section), field, &text);
            self.valid(at, read.map_err(with_advice));
        }
    }

    fn identifiers_in(&mut self, section: Section) -> &mut Identifiers {
        match section {
            Section::Attributes => &mut self.parts.identifiers,
            Section::Subject => &mut self.parts.subject,
        }
    }

    pub(super) fn fallback_exchange_token(&mut self, at: PointerPath<'_>, raw: &RawValue) {
        self.fallback_token = self.exchange_token(at, raw);
    }

    /// Reads an exchange token. A malformed one counts as one that does not open, so it is ignored
    /// and noted. A blank one identifies no profile.
    fn exchange_token(&mut self, at: PointerPath<'_>, raw: &RawValue) -> Option<ExchangeToken> {
        let text = self.text(at, Scalar::from_json(raw))?;
        self.identified |= !text.trim().is_empty();
        Some(ExchangeToken::from_sent(&text))
    }

    fn identifier_text<'a>(
        &mut self,
        at: PointerPath<'_>,
        raw: &'a RawValue,
    ) -> Option<Cow<'a, str>> {
        let scalar = Scalar::from_json(raw);
        self.identified |= !matches!(scalar, Scalar::Null);
        self.text(at, scalar)
    }

    /// Reads one of the attributes that hold a single value.
    pub(super) fn attribute(&mut self, at: PointerPath<'_>, field: Field, raw: &RawValue) {
        let value = match (Scalar::from_json(raw), field.max_degrees()) {
            (Scalar::Null, _) => return self.clear_attribute(field),
            (Scalar::Number(digits), Some(degrees)) => {
                self.valid(at, parse_coordinate(digits, degrees))
            }
            (Scalar::Other, Some(_)) => {
                let expected = "a number, or one in a string";
                return self.add(at, Fault::WrongType { expected });
            }
            (scalar, Some(degrees)) => self
                .text(at, scalar)
                .and_then(|text| self.valid(at, parse_coordinate(&text, degrees))),
            (scalar, None) => {
                self.text(at, scalar).and_then(|text| self.valid(at, text.parse::<Text>()))
            }
        };
        if let Some(value) = value {
            self.parts.patch.fields[field] = Change::Set(value);
        }
    }

    pub(super) fn clear_attribute(&mut self, field: Field) {
        self.parts.patch.fields[field] = Change::Clear;
    }

    pub(super) fn clear_properties(&mut self) {
        self.parts.patch.properties.clear = true;
    }

    /// Reads one custom property and its value.
    pub(super) fn property(&mut self, at: PointerPath<'_>, name: &str, raw: &RawValue) {
        let key = self.valid(at, name.parse::<PropertyName>());
        let value = self.valid(at, PropertyValue::canonicalize(raw));
        if let (Some(key), Some(value)) = (key, value) {
            self.parts.patch.properties.set.push((key, value));
        }
    }

    /// Reads the elements to add to one array or to remove from it: one value, an array of them, or
    /// `null` for none.
    pub(super) fn property_elements(
        &mut self,
        at: PointerPath<'_>,
        step: ListStep,
        name: &str,
        raw: &RawValue,
    ) {
        if let Scalar::Null = Scalar::from_json(raw) {
            return;
        }
        let key = self.valid(at, name.parse::<PropertyName>());
        let values = json::elements(raw).unwrap_or_else(|| vec![raw]);
        let values: Result<_, _> =
            values.into_iter().map(PropertyValue::canonicalize_element).collect();
        let Some(key) = key else { return };
        let Some(values) = self.valid(at, values) else { return };
        let properties = &mut self.parts.patch.properties;
        match step {
            ListStep::Append => properties.append.push((key, values)),
            ListStep::Unappend => properties.unappend.push((key, values)),
        }
    }

    /// Reads the names of properties to remove: one, an array of them, or `null` for none.
    pub(super) fn property_names(&mut self, at: PointerPath<'_>, raw: &RawValue) {
        match json::elements(raw) {
            None => self.property_name(at, raw),
            Some(elements) => {
                for (index, raw) in elements.into_iter().enumerate() {
                    self.property_name(at.element(index), raw);
                }
            }
        }
    }

    fn property_name(&mut self, at: PointerPath<'_>, raw: &RawValue) {
        if let Some(text) = self.text(at, Scalar::from_json(raw))
            && let Some(name) = self.valid(at, text.parse::<PropertyName>())
        {
            self.parts.patch.properties.unset.push(name);
        }
    }

    /// Reads secondary addresses: one, an array of them, or `null` for none.
    pub(super) fn secondary_emails(&mut self, at: PointerPath<'_>, step: ListStep, raw: &RawValue) {
        let mut emails = Vec::new();
        match json::elements(raw) {
            None => emails.extend(self.email(at, raw)),
            Some(elements) if limits::PATCHED_EMAILS < elements.len() => {
                self.add(at, Fault::WrongCount { expected: PATCHED_EMAILS });
            }
            Some(elements) => {
                for (index, raw) in elements.into_iter().enumerate() {
                    emails.extend(self.email(at.element(index), raw));
                }
            }
        }
        match step {
            ListStep::Append => self.parts.secondary_emails.append = emails,
            ListStep::Unappend => self.parts.secondary_emails.unappend = emails,
        }
    }

    fn email(&mut self, at: PointerPath<'_>, raw: &RawValue) -> Option<Email> {
        let text = self.text(at, Scalar::from_json(raw))?;
        self.valid(at, text.parse())
    }

    /// The text of a string, or nothing for `null`. Anything else is a violation.
    fn text<'a>(&mut self, at: PointerPath<'_>, scalar: Scalar<'a>) -> Option<Cow<'a, str>> {
        let fault = match scalar {
            Scalar::Null => return None,
            Scalar::Text(Some(text)) => return Some(text),
            Scalar::Text(None) => Fault::Surrogate,
            Scalar::Number(_) | Scalar::Other => Fault::WrongType { expected: "a string" },
        };
        self.add(at, fault);
        None
    }

    /// The value. An error is a violation.
    fn valid<T, E: Into<Fault>>(&mut self, at: PointerPath<'_>, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(at, error)).ok()
    }
}

/// Says what is right for a program that has nothing to send.
fn with_advice(fault: Fault) -> Fault {
    match fault {
        Fault::Identifier(InvalidOpaqueId::Blank) => Fault::BlankIdentifier,
        other => other,
    }
}

fn set_identifier(
    identifiers: &mut Identifiers,
    field: IdentifierField,
    text: &str,
) -> Result<(), Fault> {
    match field {
        IdentifierField::Id => set(&mut identifiers.id, text),
        IdentifierField::ExchangeToken => set(&mut identifiers.exchange_token, text),
        IdentifierField::ExternalId => set(&mut identifiers.external_id, text),
        IdentifierField::Email => set(&mut identifiers.email, text),
        IdentifierField::PhoneNumber => set(&mut identifiers.phone_number, text),
        IdentifierField::AnonymousId => set(&mut identifiers.anonymous_id, text),
    }
}

fn set<T>(identifier: &mut Option<T>, text: &str) -> Result<(), Fault>
where
    T: FromStr,
    T::Err: Into<Fault>,
{
    *identifier = Some(text.parse().map_err(Into::into)?);
    Ok(())
}

const PATCHED_EMAILS: &str = "at most 100 addresses";
const _: () = assert!(limits::PATCHED_EMAILS == 100, "the fault says how many there may be");
