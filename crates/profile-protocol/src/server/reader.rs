//! Reading small documents of known members, each fault with its place.

use std::{borrow::Cow, ops::RangeInclusive, str::FromStr};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use crate::{
    Fault, Violation, Violations,
    json::{self, Members, Scalar},
    request::text_of,
    violation::{Report, echo, pointer},
};

/// Reads a document about one resource of the type `resource`, its `data` having
/// these fields. What nothing can be made of, `read` has reported.
pub(super) fn read<'a, T>(
    body: &'a [u8],
    bytes: usize,
    resource: &'static str,
    fields: &'static [&'static str],
    read: impl FnOnce(&mut Reader, &Object<'a>) -> Option<T>,
) -> Result<T, Violations> {
    let raw = serde_json::from_str(text_of(body, bytes)?).map_err(Violations::syntax)?;
    let mut reader = Reader { report: Report::default() };
    let document = Value { at: String::new(), resource, raw };
    let result = reader
        .object(&document, &["data"])
        .and_then(|document| reader.required(&document, "data"))
        .and_then(|data| reader.resource(&data, resource, fields))
        .and_then(|data| read(&mut reader, &data));
    match (reader.report.into_violations(), result) {
        (None, Some(result)) => Ok(result),
        (Some(violations), _) => Err(violations),
        // Nothing is made of a document only after a report; this is for the compiler.
        (None, None) => Err(Violation { pointer: String::new(), fault: AN_OBJECT }.into()),
    }
}

const AN_OBJECT: Fault = Fault::WrongType { expected: "an object" };

/// Some JSON, and where it stands.
pub(super) struct Value<'a> {
    pub(super) at: String,
    /// The type of the resource it belongs to.
    resource: &'static str,
    pub(super) raw: &'a RawValue,
}

/// An object of known members, none of them twice.
pub(super) struct Object<'a> {
    pub(super) at: String,
    resource: &'static str,
    members: Vec<(&'static str, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// The member of that name. `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<Value<'a>> {
        let (_, raw) = self.members.iter().find(|&&(known, _)| known == name)?;
        let value = Value { at: pointer(&self.at, name), resource: self.resource, raw };
        if let Scalar::Null = Scalar::of(raw) { None } else { Some(value) }
    }
}

/// Where the faults of a document gather. Whatever gives nothing back has
/// reported why.
pub(super) struct Reader {
    report: Report,
}

impl Reader {
    pub(super) fn add(&mut self, at: &str, fault: impl Into<Fault>) {
        self.report.add(at.to_owned(), fault);
    }

    /// Takes in what is wrong with a document that stands within this one.
    pub(super) fn add_all(&mut self, violations: Violations) {
        for Violation { pointer, fault } in violations {
            self.report.add(pointer, fault);
        }
    }

    pub(super) fn required<'a>(
        &mut self,
        object: &Object<'a>,
        name: &'static str,
    ) -> Option<Value<'a>> {
        let value = object.get(name);
        if value.is_none() {
            self.report.add(pointer(&object.at, name), Fault::Missing { name });
        }
        value
    }

    /// Reads an object that has these members.
    pub(super) fn object<'a>(
        &mut self,
        value: &Value<'a>,
        fields: &'static [&'static str],
    ) -> Option<Object<'a>> {
        let Value { ref at, resource, raw } = *value;
        if !raw.get().starts_with('{') {
            self.add(at, AN_OBJECT);
            return None;
        }
        let object = Object { at: at.clone(), resource, members: Vec::new() };
        let mut gather = Gather { report: &mut self.report, fields, object };
        let mut deserializer = serde_json::Deserializer::from_str(raw.get());
        let read = json::Object(&mut gather).deserialize(&mut deserializer);
        let object = gather.object;
        if read.is_ok() {
            return Some(object);
        }
        // The JSON is known to be sound, so it is a name that no text can hold.
        self.add(at, Fault::Surrogate);
        None
    }

    /// Reads a member that has to be there and to be an object.
    pub(super) fn object_in<'a>(
        &mut self,
        object: &Object<'a>,
        name: &'static str,
        fields: &'static [&'static str],
    ) -> Option<Object<'a>> {
        let value = self.required(object, name)?;
        self.object(&value, fields)
    }

    /// Reads a resource of this type; `type` has to be among its fields.
    pub(super) fn resource<'a>(
        &mut self,
        value: &Value<'a>,
        resource: &'static str,
        fields: &'static [&'static str],
    ) -> Option<Object<'a>> {
        let value = Value { at: value.at.clone(), resource, raw: value.raw };
        let object = self.object(&value, fields)?;
        if let Some(kind) = self.required(&object, "type")
            && !matches!(Scalar::of(kind.raw), Scalar::Text(Some(text)) if text == resource)
        {
            self.add(&kind.at, Fault::WrongResource { resource });
        }
        Some(object)
    }

    /// Reads a list of so many elements, in words `expected`.
    pub(super) fn list<'a>(
        &mut self,
        value: &Value<'a>,
        number: RangeInclusive<usize>,
        expected: &'static str,
    ) -> Option<Vec<Value<'a>>> {
        let Value { ref at, resource, raw } = *value;
        if !raw.get().starts_with('[') {
            self.add(at, Fault::WrongType { expected: "an array" });
            return None;
        }
        // One more than there may be is enough to know that there are too many.
        let elements = json::first_elements(raw, number.end() + 1);
        if !number.contains(&elements.len()) {
            self.add(at, Fault::WrongCount { expected });
            return None;
        }
        let element = |(number, raw): (usize, &'a RawValue)| {
            let at = pointer(at, &number.to_string());
            Value { at, resource, raw }
        };
        Some(elements.into_iter().enumerate().map(element).collect())
    }

    /// Reads a string.
    pub(super) fn text<T>(&mut self, value: &Value<'_>) -> Option<T>
    where
        T: FromStr,
        T::Err: Into<Fault>,
    {
        let fault = match Scalar::of(value.raw) {
            Scalar::Text(Some(text)) => match text.parse() {
                Ok(read) => return Some(read),
                Err(error) => Into::<Fault>::into(error),
            },
            Scalar::Text(None) => Fault::Surrogate,
            _ => Fault::WrongType { expected: "a string" },
        };
        self.add(&value.at, fault);
        None
    }

    /// Reads a member that has to be there and to be a string.
    pub(super) fn text_in<T>(&mut self, object: &Object<'_>, name: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: Into<Fault>,
    {
        let value = self.required(object, name)?;
        self.text(&value)
    }
}

struct Gather<'r, 'a> {
    report: &'r mut Report,
    fields: &'static [&'static str],
    object: Object<'a>,
}

impl<'de> Members<'de> for Gather<'_, 'de> {
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let Object { at, resource, members } = &mut self.object;
        let known = self.fields.iter().find(|&&field| field == name);
        let fault = match known {
            Some(&field) if members.iter().all(|&(seen, _)| seen != field) => {
                members.push((field, map.next_value()?));
                return Ok(());
            }
            Some(&field) => Fault::Duplicate { name: field.to_owned() },
            None => Fault::UnknownField { name: echo(&name).to_owned(), resource },
        };
        self.report.add(pointer(at, &name), fault);
        map.next_value::<IgnoredAny>().map(drop)
    }
}
