//! Walks a body along the grammar, and hands the value of each field to the parser of values.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};

use super::values::{RequestParser, Section};
use crate::{
    Fault,
    grammar::{FieldName, FieldRule, ListStep, ObjectRule, PROFILE, ValueRule},
    json::{self, Members, Object, Shape},
    pointer::{PointerPath, shortened},
};

/// Reads a whole body. Fails only if the body is not JSON.
pub(super) fn read_document(
    parser: &mut RequestParser,
    text: &str,
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let at = PointerPath::Root;
    let (shape, _) =
        object(parser, at, PROFILE.document, |fields| fields.deserialize(&mut deserializer))?;
    if shape != Shape::Object {
        not_an_object(parser, at);
    }
    deserializer.end()
}

/// Reads the `data` of a body along its rule. Fails only if the text is not JSON.
pub(super) fn read_resource(
    parser: &mut RequestParser,
    rule: &'static ObjectRule,
    text: &str,
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let at = PointerPath::Root.member(FieldName::Data.as_str());
    resource(parser, at, rule, |fields| fields.deserialize(&mut deserializer))?;
    deserializer.end()
}

/// Reads an object along its rule. Its bits say which fields it has, by their number.
fn object<E>(
    parser: &mut RequestParser,
    at: PointerPath<'_>,
    rule: &'static ObjectRule,
    read: impl FnOnce(Object<'_, KnownFields<'_, '_>>) -> Result<Shape, E>,
) -> Result<(Shape, u32), E> {
    let mut fields = KnownFields { parser, at, rule, seen: 0 };
    let shape = read(Object(&mut fields))?;
    let KnownFields { parser, seen, .. } = fields;
    if shape == Shape::Object {
        for (number, field) in rule.fields.iter().enumerate() {
            if field.required.contains(parser.endpoint) && seen & 1 << number == 0 {
                parser.add(at.member(field.name), Fault::Missing { name: field.name });
            }
        }
    }
    Ok((shape, seen))
}

/// Reads a resource, which must identify a profile.
fn resource<E>(
    parser: &mut RequestParser,
    at: PointerPath<'_>,
    rule: &'static ObjectRule,
    read: impl FnOnce(Object<'_, KnownFields<'_, '_>>) -> Result<Shape, E>,
) -> Result<(), E> {
    let (shape, seen) = object(parser, at, rule, read)?;
    if shape != Shape::Object {
        not_an_object(parser, at);
        return Ok(());
    }
    let is_type = |field: &FieldRule| matches!(field.value, ValueRule::ResourceType(_));
    let empty = (rule.fields.iter().enumerate())
        .all(|(number, field)| is_type(field) || seen & 1 << number == 0);
    parser.require_identifier(at, empty);
    Ok(())
}

/// Reads an object that may be `null` instead, or an empty array.
fn nullable_object<'de, A: MapAccess<'de>>(
    parser: &mut RequestParser,
    at: PointerPath<'_>,
    rule: &'static ObjectRule,
    map: &mut A,
) -> Result<Shape, A::Error> {
    let (shape, _) = object(parser, at, rule, |fields| map.next_value_seed(fields))?;
    match shape {
        Shape::EmptyArray => return Ok(Shape::Object),
        Shape::Other => not_an_object(parser, at),
        Shape::Object | Shape::Null => {}
    }
    Ok(shape)
}

fn not_an_object(parser: &mut RequestParser, at: PointerPath<'_>) {
    parser.add(at, Fault::WrongType { expected: "an object" });
}

/// Takes in the members of an object: refuses unknown and repeated ones, reads the others.
struct KnownFields<'k, 'p> {
    parser: &'k mut RequestParser,
    at: PointerPath<'p>,
    rule: &'static ObjectRule,
    /// The fields read so far, a bit for the number of each.
    seen: u32,
}

impl<'de> Members<'de> for KnownFields<'_, '_> {
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let fault = match self.rule.position(&name) {
            Some((number, field)) if self.seen & 1 << number == 0 => {
                self.seen |= 1 << number;
                if field.allowed.contains(self.parser.endpoint) {
                    return value(self.parser, self.at.member(field.name), field, map);
                }
                unknown(&name, self.rule)
            }
            Some((_, field)) => Fault::Duplicate { name: field.name.to_owned() },
            None => unknown(&name, self.rule),
        };
        self.parser.add(self.at.member(&name), fault);
        map.next_value::<IgnoredAny>().map(drop)
    }

    fn unreadable_name(&mut self, sent: &str) {
        self.parser.add(self.at.member(sent), Fault::Surrogate);
    }
}

fn unknown(name: &str, rule: &ObjectRule) -> Fault {
    Fault::UnknownField { name: shortened(name).to_owned(), resource: rule.resource }
}

/// Reads the value of one field.
fn value<'de, A: MapAccess<'de>>(
    parser: &mut RequestParser,
    at: PointerPath<'_>,
    field: &'static FieldRule,
    map: &mut A,
) -> Result<(), A::Error> {
    match field.value {
        ValueRule::ResourceType(name) => parser.resource_type(at, name, map.next_value()?),
        ValueRule::Resource(rule) => {
            resource(parser, at, rule, |fields| map.next_value_seed(fields))?;
        }
        ValueRule::Object(rule) => drop(nullable_object(parser, at, rule, map)?),
        ValueRule::ClearableObject(rule) => clearable_object(parser, at, rule, map)?,
        ValueRule::Properties(rule) => {
            if named_members(parser, at, NamedMember::Property(rule), map)? == Shape::Null {
                parser.clear_properties();
            }
        }
        ValueRule::Identifier(identifier) => {
            parser.attribute_identifier(at, field, identifier, map.next_value()?);
        }
        ValueRule::SubjectIdentifier(identifier) => {
            parser.identifier(at, Section::Subject, identifier, map.next_value()?);
        }
        ValueRule::FallbackExchangeToken => {
            parser.fallback_exchange_token(at, map.next_value()?);
        }
        ValueRule::Attribute(attribute) => parser.attribute(at, attribute, map.next_value()?),
        ValueRule::PropertyElements(step) => {
            named_members(parser, at, NamedMember::Elements(step), map)?;
        }
        ValueRule::PropertyNames => parser.property_names(at, map.next_value()?),
        ValueRule::SecondaryEmails(step) => parser.secondary_emails(at, step, map.next_value()?),
        ValueRule::Ignored => {
            if json::has_half_a_pair(map.next_value()?) {
                parser.add(at, Fault::Surrogate);
            }
        }
        // These are in no profile.
        ValueRule::ResourceWithOneIdentifier(_)
        | ValueRule::Resources { .. }
        | ValueRule::Choice(_)
        | ValueRule::Enumeration { .. }
        | ValueRule::Text { .. }
        | ValueRule::TextOrInteger { .. }
        | ValueRule::ProfileBody => drop(map.next_value::<IgnoredAny>()?),
    }
    Ok(())
}

fn clearable_object<'de, A: MapAccess<'de>>(
    parser: &mut RequestParser,
    at: PointerPath<'_>,
    rule: &'static ObjectRule,
    map: &mut A,
) -> Result<(), A::Error> {
    if nullable_object(parser, at, rule, map)? == Shape::Null {
        for field in rule.fields {
            if let ValueRule::Attribute(attribute) = field.value {
                parser.clear_attribute(attribute);
            }
        }
    }
    Ok(())
}

/// What the members of an object are that may have any name.
#[derive(Clone, Copy)]
enum NamedMember {
    /// Custom properties. The names with a meaning of their own, which are the fields of this rule,
    /// begin with a dollar sign.
    Property(&'static ObjectRule),
    /// Array properties, each with the elements to add or to remove.
    Elements(ListStep),
}

/// Reads an object with members of any name, none of which may be given twice. It may be `null`
/// instead, or an empty array.
fn named_members<'de, A: MapAccess<'de>>(
    parser: &mut RequestParser,
    at: PointerPath<'_>,
    kind: NamedMember,
    map: &mut A,
) -> Result<Shape, A::Error> {
    let mut members = NamedMembers { parser: &mut *parser, at, kind, names: Vec::new() };
    let shape = map.next_value_seed(Object(&mut members))?;
    let NamedMembers { names, .. } = members;
    match shape {
        Shape::Object => report_duplicates(parser, at, names),
        Shape::EmptyArray | Shape::Null => {}
        Shape::Other => not_an_object(parser, at),
    }
    Ok(shape)
}

struct NamedMembers<'k, 'p, 'de> {
    parser: &'k mut RequestParser,
    at: PointerPath<'p>,
    kind: NamedMember,
    names: Vec<Cow<'de, str>>,
}

impl<'de> Members<'de> for NamedMembers<'_, '_, 'de> {
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let at = self.at.member(&name);
        match self.kind {
            NamedMember::Property(rule) => property(self.parser, at, rule, &name, map)?,
            NamedMember::Elements(step) => {
                self.parser.property_elements(at, step, &name, map.next_value()?);
            }
        }
        self.names.push(name);
        Ok(())
    }

    fn unreadable_name(&mut self, sent: &str) {
        self.parser.add(self.at.member(sent), Fault::Surrogate);
    }
}

/// Reads a custom property, or a field of this rule.
fn property<'de, A: MapAccess<'de>>(
    parser: &mut RequestParser,
    at: PointerPath<'_>,
    rule: &'static ObjectRule,
    name: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    let field = if name.starts_with('$') { rule.field(name) } else { None };
    match field {
        Some(field) if field.allowed.contains(parser.endpoint) => {
            return value(parser, at, field, map);
        }
        Some(_) => {
            parser.add(at, unknown(name, rule));
            map.next_value::<IgnoredAny>()?;
        }
        None => parser.property(at, name, map.next_value()?),
    }
    Ok(())
}

/// Reports each repeated name. Sorting takes n log n steps for any number of names.
fn report_duplicates(
    parser: &mut RequestParser,
    at: PointerPath<'_>,
    mut names: Vec<Cow<'_, str>>,
) {
    names.sort_unstable();
    for pair in names.windows(2) {
        if let [first, second] = pair
            && first == second
        {
            let name = shortened(first).to_owned();
            parser.add(at.member(first), Fault::Duplicate { name });
        }
    }
}
