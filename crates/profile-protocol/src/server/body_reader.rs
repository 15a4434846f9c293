//! Reads small documents along the grammar, each violation with its pointer.

use std::{borrow::Cow, str::FromStr};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use crate::{
    Fault, Violation, Violations,
    body::body_text,
    grammar::{BodyRule, FieldName, FieldRule, LetterCase, ObjectRule, ValueRule},
    json::{self, Members, Scalar},
    pointer::{pointer, shortened},
    violation::Report,
};

/// Reads a document. `read` is given its `data`, and returns nothing only if it has reported why.
pub(super) fn read<'a, T>(
    body: &'a [u8],
    rule: &'static BodyRule,
    read: impl FnOnce(&mut BodyReader, &KnownObject<'a>) -> Option<T>,
) -> Result<T, Violations> {
    let raw = serde_json::from_str(body_text(body, rule.max_bytes)?).map_err(Violations::syntax)?;
    let mut reader = BodyReader::default();
    let result = reader
        .members(String::new(), rule.document, raw)
        .and_then(|document| reader.object_in(&document, FieldName::Data))
        .and_then(|data| read(&mut reader, &data));
    match (reader.report.into_violations(), result) {
        (None, Some(result)) => Ok(result),
        (Some(violations), _) => Err(violations),
        // `read` does not keep its promise; a test holds it to that.
        (None, None) => Err(Violation { pointer: String::new(), fault: NOT_AN_OBJECT }.into()),
    }
}

const NOT_A_STRING: Fault = Fault::WrongType { expected: "a string" };

const NOT_AN_OBJECT: Fault = Fault::WrongType { expected: "an object" };

/// A JSON value with its pointer and its rule.
pub(super) struct RuledValue<'a> {
    pub(super) at: String,
    rule: &'static ValueRule,
    pub(super) raw: &'a RawValue,
}

/// An object that has the fields its rule requires, and no others than its rule allows.
pub(super) struct KnownObject<'a> {
    pub(super) at: String,
    rule: &'static ObjectRule,
    members: Vec<(&'static FieldRule, &'a RawValue)>,
}

impl<'a> KnownObject<'a> {
    /// The member of that name, which the rule must have. `null` counts as absent. The absence of a
    /// required member is reported already.
    pub(super) fn get(&self, name: impl Into<FieldName>) -> Option<RuledValue<'a>> {
        let name = name.into().as_str();
        debug_assert!(self.rule.field(name).is_some(), "the grammar has no {name} here");
        self.member(name)
    }

    fn member(&self, name: &str) -> Option<RuledValue<'a>> {
        let &(field, raw) = self.members.iter().find(|(field, _)| field.name == name)?;
        let value = RuledValue { at: pointer(&self.at, name), rule: &field.value, raw };
        if value.is_null() { None } else { Some(value) }
    }
}

impl RuledValue<'_> {
    fn is_null(&self) -> bool {
        matches!(Scalar::from_json(self.raw), Scalar::Null)
    }
}

/// Reads values and gathers violations. A method that returns nothing has reported why.
#[derive(Default)]
pub(super) struct BodyReader {
    report: Report,
}

impl BodyReader {
    pub(super) fn add(&mut self, at: &str, fault: impl Into<Fault>) {
        self.report.add(at.to_owned(), fault);
    }

    /// Adds the violations of a document inside this one.
    pub(super) fn add_all(&mut self, violations: Violations) {
        for Violation { pointer, fault } in violations {
            self.report.add(pointer, fault);
        }
    }

    /// Reads a member that is an object.
    pub(super) fn object_in<'a>(
        &mut self,
        object: &KnownObject<'a>,
        name: impl Into<FieldName>,
    ) -> Option<KnownObject<'a>> {
        self.object(&object.get(name)?)
    }

    /// Reads an object. One that is no resource may be an empty array.
    pub(super) fn object<'a>(&mut self, value: &RuledValue<'a>) -> Option<KnownObject<'a>> {
        if let ValueRule::Object(rule) = value.rule
            && json::is_empty_array(value.raw)
        {
            let object = KnownObject { at: value.at.clone(), rule, members: Vec::new() };
            return Some(self.checked(object));
        }
        let (ValueRule::Object(rule)
        | ValueRule::Resource(rule)
        | ValueRule::ResourceWithOneIdentifier(rule)) = value.rule
        else {
            return None;
        };
        self.members(value.at.clone(), rule, value.raw)
    }

    fn members<'a>(
        &mut self,
        at: String,
        rule: &'static ObjectRule,
        raw: &'a RawValue,
    ) -> Option<KnownObject<'a>> {
        if !raw.get().starts_with('{') {
            self.add(&at, NOT_AN_OBJECT);
            return None;
        }
        let object = KnownObject { at, rule, members: Vec::new() };
        let mut gather = GatherKnown { report: &mut self.report, object };
        let mut deserializer = serde_json::Deserializer::from_str(raw.get());
        let read = json::Object(&mut gather).deserialize(&mut deserializer);
        let object = gather.object;
        if read.is_err() {
            // The whole body is JSON, so this does not happen.
            self.add(&object.at, NOT_AN_OBJECT);
            return None;
        }
        Some(self.checked(object))
    }

    /// The object, with what it lacks reported.
    fn checked<'a>(&mut self, object: KnownObject<'a>) -> KnownObject<'a> {
        for field in object.rule.fields {
            self.check(&object, field);
        }
        object
    }

    /// Reports a required field that is absent, and a resource of another type.
    fn check(&mut self, object: &KnownObject<'_>, field: &'static FieldRule) {
        let value = object.member(field.name);
        if value.is_none() && !field.required.is_empty() {
            let at = pointer(&object.at, field.name);
            self.report.add(at, Fault::Missing { name: field.name });
        }
        if let (Some(value), ValueRule::ResourceType(resource)) = (value, field.value)
            && !matches!(Scalar::from_json(value.raw), Scalar::Text(Some(text)) if text == resource)
        {
            self.add(&value.at, Fault::WrongResource { resource });
        }
    }

    /// Reads an array of resources.
    pub(super) fn resources<'a>(&mut self, value: &RuledValue<'a>) -> Option<Vec<RawElement<'a>>> {
        let ValueRule::Resources { element, min, max, count } = *value.rule else { return None };
        let RuledValue { ref at, raw, .. } = *value;
        if !raw.get().starts_with('[') {
            self.add(at, Fault::WrongType { expected: "an array" });
            return None;
        }
        // One element more than the maximum is enough to know that there are too many.
        let elements = json::first_elements(raw, max + 1);
        if !(min..=max).contains(&elements.len()) {
            self.add(at, Fault::WrongCount { expected: count });
            return None;
        }
        let element = |(index, raw): (usize, &'a RawValue)| RawElement {
            at: pointer(at, &index.to_string()),
            rule: element,
            raw,
        };
        Some(elements.into_iter().enumerate().map(element).collect())
    }

    /// Reads one element of an array of resources.
    pub(super) fn element<'a>(&mut self, element: &RawElement<'a>) -> Option<KnownObject<'a>> {
        self.members(element.at.clone(), element.rule, element.raw)
    }

    /// Reads one of the strings that the rule lists.
    pub(super) fn choice(
        &mut self,
        value: &RuledValue<'_>,
        expected: &'static str,
    ) -> Option<&'static str> {
        let ValueRule::Choice(choices) = value.rule else { return None };
        if let Scalar::Text(Some(text)) = Scalar::from_json(value.raw)
            && let Some(&choice) = choices.iter().find(|&&choice| choice == text)
        {
            return Some(choice);
        }
        self.add(&value.at, Fault::WrongType { expected });
        None
    }

    /// Reads a member that is one of the words of its rule. An absent one is nothing to report.
    pub(super) fn word_in(
        &mut self,
        object: &KnownObject<'_>,
        name: FieldName,
    ) -> Option<&'static str> {
        let value = object.get(name)?;
        let ValueRule::Enumeration { words, case } = *value.rule else { return None };
        let fault = match Scalar::from_json(value.raw) {
            Scalar::Text(Some(sent)) => {
                let is_sent = |word: &&&str| match case {
                    LetterCase::Exact => **word == sent,
                    LetterCase::Any => word.eq_ignore_ascii_case(&sent),
                };
                if let Some(&word) = words.iter().find(is_sent) {
                    return Some(word);
                }
                Fault::NotAChoice { value: shortened(&sent).to_owned(), name: name.as_str() }
            }
            Scalar::Text(None) => Fault::Surrogate,
            Scalar::Null | Scalar::Number(_) | Scalar::Other => NOT_A_STRING,
        };
        self.add(&value.at, fault);
        None
    }

    /// Reads a string, or the digits of an integer.
    pub(super) fn text_or_integer<T>(&mut self, value: &RuledValue<'_>) -> Option<T>
    where
        T: FromStr,
        T::Err: Into<Fault>,
    {
        let is_integer = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if let Scalar::Number(digits) = Scalar::from_json(value.raw)
            && is_integer(digits)
        {
            let read = digits.parse().map_err(Into::into);
            return read.map_err(|fault| self.add(&value.at, fault)).ok();
        }
        self.parsed(value)
    }

    /// Reads a string.
    pub(super) fn parsed<T>(&mut self, value: &RuledValue<'_>) -> Option<T>
    where
        T: FromStr,
        T::Err: Into<Fault>,
    {
        let fault = match Scalar::from_json(value.raw) {
            Scalar::Text(Some(text)) => match text.parse() {
                Ok(read) => return Some(read),
                Err(error) => Into::<Fault>::into(error),
            },
            Scalar::Text(None) => Fault::Surrogate,
            Scalar::Null | Scalar::Number(_) | Scalar::Other => NOT_A_STRING,
        };
        self.add(&value.at, fault);
        None
    }

    /// Reads a member that is a string.
    pub(super) fn parsed_in<T>(
        &mut self,
        object: &KnownObject<'_>,
        name: impl Into<FieldName>,
    ) -> Option<T>
    where
        T: FromStr,
        T::Err: Into<Fault>,
    {
        self.parsed(&object.get(name)?)
    }
}

/// One element of an array of resources, which is not read yet.
pub(super) struct RawElement<'a> {
    pub(super) at: String,
    rule: &'static ObjectRule,
    pub(super) raw: &'a RawValue,
}

struct GatherKnown<'r, 'a> {
    report: &'r mut Report,
    object: KnownObject<'a>,
}

impl<'de> Members<'de> for GatherKnown<'_, 'de> {
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let KnownObject { at, rule, members } = &mut self.object;
        let fault = match rule.field(&name) {
            Some(field) if members.iter().all(|(seen, _)| seen.name != field.name) => {
                let raw = map.next_value()?;
                members.push((field, raw));
                // No other code reads it.
                if matches!(field.value, ValueRule::Ignored) && json::has_half_a_pair(raw) {
                    self.report.add(pointer(at, &name), Fault::Surrogate);
                }
                return Ok(());
            }
            Some(field) => Fault::Duplicate { name: field.name.to_owned() },
            None => {
                Fault::UnknownField { name: shortened(&name).to_owned(), resource: rule.resource }
            }
        };
        self.report.add(pointer(at, &name), fault);
        map.next_value::<IgnoredAny>().map(drop)
    }

    fn unreadable_name(&mut self, sent: &str) {
        self.report.add(pointer(&self.object.at, sent), Fault::Surrogate);
    }
}
