//! Custom properties: the attributes a company makes up itself.
//!
//! Values are kept as JSON text, not as a tree, so that a number comes back with
//! every digit it was sent with and storing one costs a copy. The text is put in
//! canonical form once, when it is read: no white space, strings escaped in one
//! way. Two values with one canonical text are equal, and so are two whose texts
//! differ in the order of the members of objects only.
//!
//! What is accepted can be read by the common parsers of JSON and kept by common databases: numbers
//! have a bound, and no text contains U+0000 or half a surrogate pair.

use std::{borrow::Cow, collections::BTreeMap, collections::HashSet, fmt, str::FromStr};

use serde_json::value::RawValue;

use crate::{
    json,
    json_writer::write_text,
    limits,
    number::{InvalidNumber, check_number},
};

/// The name of a property: at most [`limits::PROPERTY_NAME_BYTES`], any
/// characters but U+0000, compared case-sensitively.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PropertyName {
    // Invariant: at most `limits::PROPERTY_NAME_BYTES`.
    text: Box<str>,
}

impl PropertyName {
    /// Reads a name that [`as_str`](PropertyName::as_str) returned, perhaps in an earlier version
    /// of this crate, which accepted U+0000.
    pub fn from_stored(text: &str) -> Result<PropertyName, InvalidProperty> {
        if limits::PROPERTY_NAME_BYTES < text.len() {
            return Err(InvalidProperty::NameTooLong);
        }
        Ok(PropertyName { text: text.into() })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for PropertyName {
    type Err = InvalidProperty;

    fn from_str(text: &str) -> Result<PropertyName, InvalidProperty> {
        if text.contains('\0') {
            return Err(InvalidProperty::NullCharacter);
        }
        PropertyName::from_stored(text)
    }
}

impl fmt::Debug for PropertyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PropertyName({} bytes)", self.text.len())
    }
}

/// The value of a property: JSON in canonical form.
///
/// ```
/// use profile_protocol::PropertyValue;
///
/// let value: PropertyValue = r#"[ 0.10, "caf\u00e9", 12345678901234567890123 ]"#.parse()?;
/// assert_eq!(value.as_json(), r#"[0.10,"café",12345678901234567890123]"#);
/// # Ok::<(), profile_protocol::InvalidProperty>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct PropertyValue {
    // Invariant: JSON; canonicalizing it again yields this text.
    json: Box<str>,
}

impl PropertyValue {
    /// The value as JSON text.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// Reads a value that [`as_json`](PropertyValue::as_json) returned, perhaps in an earlier
    /// version of this crate, which accepted more of the numbers and characters that JSON has.
    pub fn from_stored(json: &str) -> Result<PropertyValue, InvalidProperty> {
        let raw: &RawValue = serde_json::from_str(json).or(Err(InvalidProperty::NotJson))?;
        if raw.get().len() < json.len() {
            // White space around a value is never stored.
            return Err(InvalidProperty::NotJson);
        }
        Ok(PropertyValue { json: json.into() })
    }

    pub(crate) fn canonicalize(raw: &RawValue) -> Result<PropertyValue, InvalidProperty> {
        PropertyValue::canonicalize_within(0, raw)
    }

    /// Reads a value that is to stand inside an array.
    pub(crate) fn canonicalize_element(raw: &RawValue) -> Result<PropertyValue, InvalidProperty> {
        PropertyValue::canonicalize_within(1, raw)
    }

    fn canonicalize_within(depth: usize, raw: &RawValue) -> Result<PropertyValue, InvalidProperty> {
        let mut json = String::with_capacity(raw.get().len());
        write_canonical(raw, depth, &mut json)?;
        Ok(PropertyValue { json: json.into() })
    }

    /// Whether both are the same JSON value, whatever the order of the members of objects. Numbers
    /// are the same if all of their digits are.
    ///
    /// ```
    /// use profile_protocol::PropertyValue;
    ///
    /// let value = |json: &str| json.parse::<PropertyValue>();
    /// assert!(value(r#"{"a":1,"b":2}"#)?.is_same_json(&value(r#"{"b":2,"a":1}"#)?));
    /// assert!(!value("1")?.is_same_json(&value("1.0")?));
    /// # Ok::<(), profile_protocol::InvalidProperty>(())
    /// ```
    pub fn is_same_json(&self, other: &PropertyValue) -> bool {
        // The order of members has no effect on the length.
        let may_differ_in_order = self.json.len() == other.json.len() && self.json.contains('{');
        self == other || may_differ_in_order && self.in_order() == other.in_order()
    }

    /// The value with the members of all objects in the order of their names. Two values are equal
    /// as JSON values exactly when these texts are, numbers digit for digit.
    pub(crate) fn in_order(&self) -> Cow<'_, str> {
        if !self.json.contains('{') {
            return Cow::Borrowed(&self.json);
        }
        let mut ordered = String::with_capacity(self.json.len());
        match serde_json::from_str(&self.json)
            .ok()
            .and_then(|raw| write_in_order(raw, &mut ordered))
        {
            Some(()) => Cow::Owned(ordered),
            None => Cow::Borrowed(&self.json),
        }
    }

    /// The elements, if the value is an array.
    pub(crate) fn elements(&self) -> Option<Vec<PropertyValue>> {
        let elements: Vec<&RawValue> = serde_json::from_str(&self.json).ok()?;
        let own = |raw: &RawValue| PropertyValue { json: raw.get().into() };
        Some(elements.into_iter().map(own).collect())
    }

    /// Whether the value is an array, or can be an element of one without being
    /// nested deeper than a value may be.
    pub(crate) fn fits_in_array(&self) -> bool {
        let element = || serde_json::from_str(&self.json).map(PropertyValue::canonicalize_element);
        !self.json.starts_with('{') || matches!(element(), Ok(Ok(_)))
    }

    /// The array with these elements.
    pub(crate) fn array(elements: &[PropertyValue]) -> PropertyValue {
        let texts: Vec<&str> = elements.iter().map(PropertyValue::as_json).collect();
        PropertyValue { json: format!("[{}]", texts.join(",")).into() }
    }
}

impl FromStr for PropertyValue {
    type Err = InvalidProperty;

    fn from_str(json: &str) -> Result<PropertyValue, InvalidProperty> {
        let raw: &RawValue = serde_json::from_str(json).or(Err(InvalidProperty::NotJson))?;
        PropertyValue::canonicalize(raw)
    }
}

impl fmt::Debug for PropertyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PropertyValue({} bytes)", self.json.len())
    }
}

/// Appends `raw` without white space and with its strings escaped in one way.
/// Recursion ends at the depth limit, so the text may be as deep as it likes.
fn write_canonical(raw: &RawValue, depth: usize, out: &mut String) -> Result<(), InvalidProperty> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{' | b'[') if depth == limits::PROPERTY_DEPTH => Err(InvalidProperty::TooDeep),
        Some(b'{') => write_object(raw, depth + 1, out),
        Some(b'[') => write_array(raw, depth + 1, out),
        Some(b'"') => write_string(&json::text(raw).ok_or(InvalidProperty::Surrogate)?, out),
        Some(b'-' | b'0'..=b'9') => {
            check_number(text)?;
            out.push_str(text);
            Ok(())
        }
        _ => {
            out.push_str(text);
            Ok(())
        }
    }
}

fn write_string(text: &str, out: &mut String) -> Result<(), InvalidProperty> {
    if text.contains('\0') {
        return Err(InvalidProperty::NullCharacter);
    }
    write_text(text, out);
    Ok(())
}

fn write_object(raw: &RawValue, depth: usize, out: &mut String) -> Result<(), InvalidProperty> {
    let members = json::members(raw).ok_or(InvalidProperty::Surrogate)?;
    let mut names = SeenNames::with_capacity(members.len());
    out.push('{');
    for (number, (name, value)) in members.iter().enumerate() {
        if !names.insert(name) {
            return Err(InvalidProperty::Duplicate);
        }
        if 0 < number {
            out.push(',');
        }
        write_string(name, out)?;
        out.push(':');
        write_canonical(value, depth, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_array(raw: &RawValue, depth: usize, out: &mut String) -> Result<(), InvalidProperty> {
    let elements = json::elements(raw).ok_or(InvalidProperty::NotJson)?;
    out.push('[');
    for (number, element) in elements.into_iter().enumerate() {
        if 0 < number {
            out.push(',');
        }
        write_canonical(element, depth, out)?;
    }
    out.push(']');
    Ok(())
}

/// Appends `raw`, which is in canonical form, with the members of its objects in order. Nothing if
/// it cannot be read.
fn write_in_order(raw: &RawValue, out: &mut String) -> Option<()> {
    match raw.get().as_bytes().first() {
        Some(b'{') => {
            let mut members = json::members(raw)?;
            members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            out.push('{');
            for (name, value) in members {
                write_text(&name, out);
                out.push(':');
                write_in_order(value, out)?;
                out.push(',');
            }
            out.push('}');
        }
        Some(b'[') => {
            out.push('[');
            for element in json::elements(raw)? {
                write_in_order(element, out)?;
                out.push(',');
            }
            out.push(']');
        }
        _ => out.push_str(raw.get()),
    }
    Some(())
}

/// The names of an object so far. Most objects have few, which are compared faster than hashed.
enum SeenNames<'n> {
    Few(Vec<&'n str>),
    Many(HashSet<&'n str>),
}

impl<'n> SeenNames<'n> {
    fn with_capacity(names: usize) -> SeenNames<'n> {
        if names <= limits::COMPARED_NAMES {
            SeenNames::Few(Vec::with_capacity(names))
        } else {
            SeenNames::Many(HashSet::with_capacity(names))
        }
    }

    /// Adds a name. False if the object has it already.
    fn insert(&mut self, name: &'n str) -> bool {
        match self {
            SeenNames::Few(names) => {
                let is_new = !names.contains(&name);
                names.push(name);
                is_new
            }
            SeenNames::Many(names) => names.insert(name),
        }
    }
}

/// The properties of one profile, by name.
///
/// How many there may be and how large is asked where a profile is about to be
/// kept, by [`Properties::fit`].
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Properties {
    values: BTreeMap<PropertyName, PropertyValue>,
}

impl Properties {
    /// The value of one property.
    pub fn value(&self, name: &PropertyName) -> Option<&PropertyValue> {
        self.values.get(name)
    }

    /// Every property, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&PropertyName, &PropertyValue)> {
        self.values.iter()
    }

    /// How many properties there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Gives a property a value. True if that changed anything.
    pub fn set(&mut self, name: PropertyName, value: PropertyValue) -> bool {
        let same = self.values.get(&name) == Some(&value);
        if !same {
            self.values.insert(name, value);
        }
        !same
    }

    /// Gives a property a value, and returns the one that it had.
    pub(crate) fn replace(
        &mut self,
        name: PropertyName,
        value: PropertyValue,
    ) -> Option<PropertyValue> {
        self.values.insert(name, value)
    }

    /// Takes a property away. True if it was there.
    pub fn unset(&mut self, name: &PropertyName) -> bool {
        self.values.remove(name).is_some()
    }

    /// Takes over those properties of `other` that are not here yet.
    pub fn fill_from(&mut self, other: Properties) {
        for (name, value) in other.values {
            self.values.entry(name).or_insert(value);
        }
    }

    /// Their size as it counts against [`limits::PROPERTIES_BYTES`]: names plus
    /// values in canonical JSON.
    pub fn bytes(&self) -> usize {
        self.iter().map(|(name, value)| name.as_str().len() + value.as_json().len()).sum()
    }

    /// Whether a profile may keep this many properties of this size.
    pub fn fit(&self) -> bool {
        self.len() <= limits::PROPERTIES && self.bytes() <= limits::PROPERTIES_BYTES
    }
}

impl FromIterator<(PropertyName, PropertyValue)> for Properties {
    fn from_iter<I: IntoIterator<Item = (PropertyName, PropertyValue)>>(values: I) -> Properties {
        Properties { values: values.into_iter().collect() }
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Properties({})", self.values.len())
    }
}

/// Why something is not a property.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProperty {
    #[error("must have a name of at most {} bytes", limits::PROPERTY_NAME_BYTES)]
    NameTooLong,
    #[error("must be JSON")]
    NotJson,
    #[error("must not nest deeper than {} levels", limits::PROPERTY_DEPTH)]
    TooDeep,
    #[error("must not contain half of a surrogate pair")]
    Surrogate,
    #[error("must not name a member twice")]
    Duplicate,
    // Many databases have no text with this character, so the company's own could not take it.
    #[error("must not contain the character U+0000")]
    NullCharacter,
    #[error(
        "must not contain a number of more than {} digits; in a string it may be longer",
        limits::NUMBER_DIGITS
    )]
    NumberTooLong,
    #[error(
        "must not contain a number outside the range of a double, 2.3e-308 to 1.7e308; a string \
         may have any"
    )]
    NumberOutOfRange,
}

impl From<InvalidNumber> for InvalidProperty {
    fn from(error: InvalidNumber) -> InvalidProperty {
        match error {
            InvalidNumber::TooLong => InvalidProperty::NumberTooLong,
            InvalidNumber::OutOfRange => InvalidProperty::NumberOutOfRange,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reads(json: &str, canonical: &str) {
        assert_eq!(json.parse::<PropertyValue>().unwrap().as_json(), canonical);
    }

    fn refuses(json: &str, reason: InvalidProperty) {
        assert_eq!(json.parse::<PropertyValue>().unwrap_err(), reason, "{json}");
    }

    #[test]
    fn numbers_come_back_digit_for_digit() {
        for number in ["12345678901234567890123", "1e300", "0.10", "-0", "1E+2", "3.0"] {
            reads(number, number);
            reads(&format!("[ {number} ]"), &format!("[{number}]"));
        }
    }

    #[test]
    fn spelling_is_folded_into_one_form() {
        reads(
            r#"  { "a" : [ 1 , true , null ] , "b\u0041" : "" }"#,
            r#"{"a":[1,true,null],"bA":""}"#,
        );
        reads(r#""\u00e9\/\u0022\n""#, r#""é/\"\n""#);
        reads(r#""\ud83d\ude42 \u0001""#, "\"🙂 \\u0001\"");
        reads("[ ]", "[]");
        reads("{ }", "{}");
    }

    #[test]
    fn what_cannot_be_kept_safely_is_refused() {
        refuses("{", InvalidProperty::NotJson);
        refuses(r#""\ud800""#, InvalidProperty::Surrogate);
        refuses(r#"{"\udc00":1}"#, InvalidProperty::Surrogate);
        refuses(r#"[{"a":1,"\u0061":2}]"#, InvalidProperty::Duplicate);
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        reads(&nested(10), &nested(10));
        refuses(&nested(11), InvalidProperty::TooDeep);
        refuses(&nested(50_000), InvalidProperty::TooDeep);
    }

    #[test]
    fn what_readers_could_not_take_is_refused_wherever_it_stands() {
        let long = "1".repeat(limits::NUMBER_DIGITS + 1);
        for (json, reason) in [
            (long.as_str(), InvalidProperty::NumberTooLong),
            ("1e400", InvalidProperty::NumberOutOfRange),
            (r#""a\u0000""#, InvalidProperty::NullCharacter),
        ] {
            refuses(json, reason);
            refuses(&format!("[1,[{json}]]"), reason);
            refuses(&format!(r#"{{"a":{{"b":{json}}}}}"#), reason);
        }
        refuses(r#"[{"\u0000":1}]"#, InvalidProperty::NullCharacter);
        assert_eq!("a\0".parse::<PropertyName>(), Err(InvalidProperty::NullCharacter));
    }

    #[test]
    fn what_was_stored_is_read_whatever_is_accepted_today() {
        for json in ["1e400", r#"["\u0000"]"#, r#"{"a":1}"#] {
            assert_eq!(PropertyValue::from_stored(json).unwrap().as_json(), json);
        }
        assert_eq!(PropertyName::from_stored("a\0").unwrap().as_str(), "a\0");
        for json in ["", "{", " 1", "1 "] {
            assert_eq!(PropertyValue::from_stored(json), Err(InvalidProperty::NotJson), "{json}");
        }
    }

    #[test]
    fn values_are_equal_in_order_whatever_the_order_of_their_members() {
        let in_order = |json: &str| json.parse::<PropertyValue>().unwrap().in_order().into_owned();
        let value = r#"[{"a":1,"b":{"c":[2,{}],"d":"{"}}]"#;
        assert_eq!(in_order(value), in_order(r#"[{"b":{"d":"{","c":[2,{}]},"a":1}]"#));
        for other in [
            r#"[{"a":1.0,"b":{"c":[2,{}],"d":"{"}}]"#,
            r#"[{"a":1,"b":{"c":[{},2],"d":"{"}}]"#,
            r#"[{"a":1,"b":{"c":[2,{}],"d":"}"}}]"#,
            r#"[{"b":1,"a":{"c":[2,{}],"d":"{"}}]"#,
        ] {
            assert_ne!(in_order(value), in_order(other), "{other}");
        }
        assert_eq!(in_order("[1,2]"), "[1,2]");
    }

    #[test]
    fn a_profile_keeps_a_thousand_properties() {
        let many = |count: usize| {
            let name = |number: usize| number.to_string().parse().unwrap();
            (0..count).map(|n| (name(n), "1".parse().unwrap())).collect::<Properties>()
        };
        assert!(many(1_000).fit());
        assert!(!many(1_001).fit());
    }

    #[test]
    fn a_profile_keeps_256_kib_of_properties() {
        let sized = |bytes: usize| {
            let value = format!("\"{}\"", "x".repeat(bytes - 3)).parse().unwrap();
            Properties::from_iter([("n".parse().unwrap(), value)])
        };
        assert!(sized(256 * 1024).fit());
        assert!(!sized(256 * 1024 + 1).fit());
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?",
            r"[^\x00]*".prop_map(|text| serde_json::to_string(&text).unwrap()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|values| format!("[ {} ]", values.join(" , "))),
                prop::collection::btree_map(r"[^\x00]*", inner, 0..4).prop_map(|members| {
                    let members: Vec<String> = members
                        .iter()
                        .map(|(name, value)| {
                            format!("{}:\t{value}", serde_json::to_string(name).unwrap())
                        })
                        .collect();
                    format!("{{{}}}", members.join("\n,"))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_a_fixed_point(json in json()) {
            let value: PropertyValue = json.parse().unwrap();
            prop_assert_eq!(value.as_json().parse::<PropertyValue>(), Ok(value.clone()));
        }

        #[test]
        fn elements_make_the_same_array_again(values in prop::collection::vec(json(), 0..5)) {
            let array: PropertyValue = format!("[{}]", values.join(",")).parse().unwrap();
            prop_assert_eq!(PropertyValue::array(&array.elements().unwrap()), array);
        }
    }
}
