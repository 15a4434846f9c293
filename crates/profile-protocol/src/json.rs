//! Reading JSON without building a tree of it.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A value that is not an object of known members.
pub(crate) enum Scalar<'a> {
    Null,
    /// The text of a string, or nothing if half a surrogate pair is in it.
    Text(Option<Cow<'a, str>>),
    /// The text of a number, as it was sent.
    Number(&'a str),
    /// A boolean, an array or an object.
    Other,
}

impl<'a> Scalar<'a> {
    pub(crate) fn from_json(raw: &'a RawValue) -> Scalar<'a> {
        match raw.get().as_bytes().first() {
            Some(b'"') => Scalar::Text(text(raw)),
            Some(b'n') => Scalar::Null,
            Some(b'-' | b'0'..=b'9') => Scalar::Number(raw.get()),
            _ => Scalar::Other,
        }
    }
}

/// The text of a JSON string, borrowed where nothing in it is escaped. Nothing
/// if it contains half a surrogate pair, which no text can hold.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Whether a name or text in a JSON value contains half a surrogate pair. Every escape of the value
/// is known to be sound.
pub(crate) fn has_half_a_pair(raw: &RawValue) -> bool {
    let mut rest = raw.get();
    while let Some((_, escaped)) = rest.split_once('\\') {
        rest = match unit(escaped) {
            Some((0xd800..=0xdbff, after)) => {
                let second = after.strip_prefix('\\').and_then(unit);
                let Some((0xdc00..=0xdfff, after)) = second else { return true };
                after
            }
            Some((0xdc00..=0xdfff, _)) => return true,
            Some((_, after)) => after,
            // Another escape: one character, such as a second backslash.
            None => escaped.get(1..).unwrap_or_default(),
        };
    }
    false
}

/// The UTF-16 code unit of an escape whose backslash was read, and what follows it.
fn unit(escaped: &str) -> Option<(u16, &str)> {
    let (digits, after) = escaped.strip_prefix('u')?.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, after))
}

/// The elements of a JSON array.
pub(crate) fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether this is an array without elements, as PHP writes an empty map.
pub(crate) fn is_empty_array(raw: &RawValue) -> bool {
    let inner = raw.get().strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

/// The first so many elements of a JSON array that is known to be sound; what
/// follows them is not kept.
pub(crate) fn first_elements(raw: &RawValue, most: usize) -> Vec<&RawValue> {
    let mut first = FirstElements { elements: Vec::new(), most };
    // It stops early where there are more, which is no fault of the array's.
    let _ = serde_json::Deserializer::from_str(raw.get()).deserialize_seq(&mut first);
    first.elements
}

struct FirstElements<'de> {
    elements: Vec<&'de RawValue>,
    most: usize,
}

impl<'de> Visitor<'de> for &mut FirstElements<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while self.elements.len() < self.most
            && let Some(element) = seq.next_element()?
        {
            self.elements.push(element);
        }
        Ok(())
    }
}

/// The members of a JSON object, in order, duplicates and all. Nothing if a
/// name contains half a surrogate pair.
pub(crate) fn members(raw: &RawValue) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    let mut gather = Gather::default();
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    Object(&mut gather).deserialize(&mut deserializer).ok()?;
    (!gather.unreadable).then_some(gather.members)
}

#[derive(Default)]
struct Gather<'de> {
    members: Vec<(Cow<'de, str>, &'de RawValue)>,
    /// Whether a name contains half a surrogate pair.
    unreadable: bool,
}

impl<'de> Members<'de> for Gather<'de> {
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.members.push((name, map.next_value()?));
        Ok(())
    }

    fn unreadable_name(&mut self, _: &str) {
        self.unreadable = true;
    }
}

/// Takes in the members of an object one by one.
pub(crate) trait Members<'de> {
    /// Takes in one member; its value has to be read from `map`.
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error>;

    /// Takes in a member whose name contains half a surrogate pair: the name as it was sent,
    /// escapes and all. The value is skipped.
    fn unreadable_name(&mut self, sent: &str);
}

/// What stood where an object was expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    Object,
    /// An array without elements, as PHP writes an empty map.
    EmptyArray,
    Null,
    Other,
}

/// Reads a value, handing its members on if it is an object.
pub(crate) struct Object<'m, M>(pub(crate) &'m mut M);

impl<'de, M: Members<'de>> DeserializeSeed<'de> for Object<'_, M> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for Object<'_, M> {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        while let Some(sent) = map.next_key::<&RawValue>()? {
            if let Some(name) = text(sent) {
                self.0.member(name, &mut map)?;
            } else {
                let quoted = sent.get();
                self.0.unreadable_name(quoted.get(1..quoted.len() - 1).unwrap_or(quoted));
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Shape::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        if seq.next_element::<IgnoredAny>()?.is_none() {
            return Ok(Shape::EmptyArray);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Other)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
}
