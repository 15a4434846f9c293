//! Patches: what one request says about a person's attributes.

use std::{borrow::Cow, collections::HashSet};

use crate::{Attributes, Field, Fields, Properties, PropertyName, PropertyValue, Text};

/// The change of one attribute that a request asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Change<T> {
    /// Nothing was said: what is stored stands.
    #[default]
    Keep,
    /// `null` was said: what is stored goes.
    Clear,
    /// A value was said.
    Set(T),
}

/// What one request says about a person's attributes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Patch {
    /// The attributes that hold a single value.
    pub fields: Fields<Change<Text>>,
    /// The custom properties.
    pub properties: PropertiesPatch,
}

/// What one request says about custom properties, in the order it is carried
/// out: clear, set, unset, unappend, append.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PropertiesPatch {
    /// Whether every property goes first (`"properties": null`).
    pub clear: bool,
    /// Properties that get a value, none of them twice: a request that names one
    /// twice is refused.
    pub set: Vec<(PropertyName, PropertyValue)>,
    /// Properties that go.
    pub unset: Vec<PropertyName>,
    /// Elements that leave an array, a single value counting as an array of one.
    /// An element that `append` names as well stays where it is.
    pub unappend: Vec<(PropertyName, Vec<PropertyValue>)>,
    /// Elements that join an array unless they are in it. A single value becomes
    /// the first element of a new array, unless it is nested too deeply for one
    /// and stays as it is; a missing property, an empty one.
    pub append: Vec<(PropertyName, Vec<PropertyValue>)>,
}

/// An attribute that a patch gave another value than it had.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ChangedAttribute {
    /// One of the attributes that hold a single value.
    Field(Field),
    /// A custom property.
    Property(PropertyName),
}

/// What [`Patch::apply`] did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AppliedPatch {
    /// The attributes that have another value now.
    pub changed: Vec<ChangedAttribute>,
    /// The values that they had. Of other attributes it may have the value, or none.
    pub before: Attributes,
}

impl Patch {
    /// Carries the patch out. Carrying it out again changes nothing more.
    pub fn apply(&self, attributes: &mut Attributes) -> AppliedPatch {
        let mut applied = AppliedPatch::default();
        self.fields.apply(&mut attributes.fields, &mut applied);
        self.properties.apply(&mut attributes.properties, &mut applied);
        applied
    }
}

impl Fields<Change<Text>> {
    fn apply(&self, stored: &mut Fields<Option<Text>>, applied: &mut AppliedPatch) {
        for (field, change) in self.iter() {
            let value = match change {
                Change::Keep => continue,
                Change::Clear => None,
                Change::Set(text) => Some(text),
            };
            if stored[field].as_ref() != value {
                let before = std::mem::replace(&mut stored[field], value.cloned());
                applied.before.fields[field] = before;
                applied.changed.push(ChangedAttribute::Field(field));
            }
        }
    }
}

impl PropertiesPatch {
    fn apply(&self, stored: &mut Properties, applied: &mut AppliedPatch) {
        let only_sets = !self.clear
            && self.unset.is_empty()
            && self.unappend.is_empty()
            && self.append.is_empty();
        if only_sets {
            return self.set_all(stored, applied);
        }
        // One name may be touched by several steps that undo one another, so what
        // changed is what differs in the end.
        applied.before.properties = stored.clone();
        self.carry_out(stored);
        let names = differing(&applied.before.properties, stored);
        applied.changed.extend(names.map(ChangedAttribute::Property));
    }

    /// Sets properties, and notes what they had.
    fn set_all(&self, stored: &mut Properties, applied: &mut AppliedPatch) {
        for (name, value) in &self.set {
            if is_stored(stored, name, value) {
                continue;
            }
            if let Some(before) = stored.replace(name.clone(), value.clone()) {
                applied.before.properties.set(name.clone(), before);
            }
            applied.changed.push(ChangedAttribute::Property(name.clone()));
        }
    }

    fn carry_out(&self, stored: &mut Properties) {
        let PropertiesPatch { clear, set, unset, unappend, append } = self;
        if *clear {
            *stored = Properties::default();
        }
        for (name, value) in set {
            if !is_stored(stored, name, value) {
                stored.set(name.clone(), value.clone());
            }
        }
        for name in unset {
            stored.unset(name);
        }
        // An element that would leave and join again would move to the end, and a
        // request carried out twice would then differ from one carried out once.
        let rejoining: HashSet<(&PropertyName, Cow<'_, str>)> = append
            .iter()
            .flat_map(|(name, added)| added.iter().map(move |value| (name, value.in_order())))
            .collect();
        for (name, leaving) in unappend {
            let gone = leaving.iter().map(PropertyValue::in_order);
            let gone = gone.filter(|element| !rejoining.contains(&(name, element.clone())));
            if let Some(kept) = stored.value(name).and_then(|value| without(value, &gone.collect()))
            {
                stored.set(name.clone(), kept);
            }
        }
        for (name, added) in append {
            if let Some(joined) = with(stored.value(name), added) {
                stored.set(name.clone(), joined);
            }
        }
    }
}

/// Whether a property has this JSON value. If so, it keeps the order of its members.
fn is_stored(stored: &Properties, name: &PropertyName, value: &PropertyValue) -> bool {
    stored.value(name).is_some_and(|own| own.is_same_json(value))
}

/// The elements of what is stored: those of an array, or the one value itself.
fn elements_of(value: Option<&PropertyValue>) -> Vec<PropertyValue> {
    match value {
        None => Vec::new(),
        Some(value) if value.as_json() == "null" => Vec::new(),
        Some(value) => value.elements().unwrap_or_else(|| vec![value.clone()]),
    }
}

/// The array without these elements; nothing if none of them is in it.
fn without(value: &PropertyValue, gone: &HashSet<Cow<'_, str>>) -> Option<PropertyValue> {
    let mut elements = elements_of(Some(value));
    let before = elements.len();
    elements.retain(|element| !gone.contains(&element.in_order()));
    (elements.len() < before).then(|| PropertyValue::array(&elements))
}

/// The array with these elements as well; nothing if there can be no array, since
/// the single value is nested as deeply as a value may be.
fn with(value: Option<&PropertyValue>, added: &[PropertyValue]) -> Option<PropertyValue> {
    if value.is_some_and(|value| !value.fits_in_array()) {
        return None;
    }
    let mut elements = elements_of(value);
    let of = |element: &PropertyValue| element.in_order().into_owned();
    let mut present: HashSet<String> = elements.iter().map(of).collect();
    for element in added {
        if present.insert(of(element)) {
            elements.push(element.clone());
        }
    }
    Some(PropertyValue::array(&elements))
}

fn differing<'a>(
    before: &'a Properties,
    after: &'a Properties,
) -> impl Iterator<Item = PropertyName> + 'a {
    let gone = before.iter().filter(|(name, _)| after.value(name).is_none());
    let new = after.iter().filter(|(name, value)| before.value(name) != Some(value));
    gone.chain(new).map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits;

    fn name(text: &str) -> PropertyName {
        text.parse().unwrap()
    }

    fn value(json: &str) -> PropertyValue {
        json.parse().unwrap()
    }

    fn properties(members: &[(&str, &str)]) -> Properties {
        members.iter().map(|(text, json)| (name(text), value(json))).collect()
    }

    /// Applies a patch, and returns the names of the properties that changed.
    fn changed_by(patch: &PropertiesPatch, stored: &mut Properties) -> Vec<PropertyName> {
        let mut applied = AppliedPatch::default();
        patch.apply(stored, &mut applied);
        let name = |attribute| match attribute {
            ChangedAttribute::Property(name) => name,
            ChangedAttribute::Field(field) => panic!("{field:?}"),
        };
        applied.changed.into_iter().map(name).collect()
    }

    fn applies(patch: &PropertiesPatch, before: &[(&str, &str)], after: &[(&str, &str)]) {
        let mut stored = properties(before);
        changed_by(patch, &mut stored);
        assert!(stored == properties(after), "{stored:?}");
    }

    #[test]
    fn append_wraps_a_single_value_and_adds_no_duplicate() {
        let append = |json| PropertiesPatch {
            append: vec![(name("tags"), vec![value(json)])],
            ..PropertiesPatch::default()
        };
        applies(&append(r#""b""#), &[("tags", r#"["a"]"#)], &[("tags", r#"["a","b"]"#)]);
        applies(&append(r#""a""#), &[("tags", r#"["a"]"#)], &[("tags", r#"["a"]"#)]);
        applies(&append(r#""b""#), &[("tags", r#""a""#)], &[("tags", r#"["a","b"]"#)]);
        applies(&append(r#""a""#), &[("tags", r#""a""#)], &[("tags", r#"["a"]"#)]);
        applies(&append(r#""b""#), &[("tags", "null")], &[("tags", r#"["b"]"#)]);
        applies(&append(r#""b""#), &[], &[("tags", r#"["b"]"#)]);
    }

    #[test]
    fn unappend_treats_a_single_value_as_an_array_of_one() {
        let unappend = || PropertiesPatch {
            unappend: vec![(name("tags"), vec![value("1")])],
            ..PropertiesPatch::default()
        };
        applies(&unappend(), &[("tags", "[1,2,1,1.0]")], &[("tags", "[2,1.0]")]);
        applies(&unappend(), &[("tags", "1")], &[("tags", "[]")]);
        applies(&unappend(), &[("tags", "2")], &[("tags", "2")]);
        applies(&unappend(), &[("tags", "null")], &[("tags", "null")]);
        applies(&unappend(), &[], &[]);
    }

    #[test]
    fn elements_are_equal_whatever_the_order_of_their_members() {
        let stored = &[("tags", r#"[{"a":1,"b":[{"c":2,"d":3}]},7]"#)];
        let same = r#"{"b":[{"d":3,"c":2}],"a":1}"#;
        let append = |json| PropertiesPatch {
            append: vec![(name("tags"), vec![value(json)])],
            ..PropertiesPatch::default()
        };
        applies(&append(same), stored, stored);
        // The digits of a number are compared, not its value.
        let other = same.replace(":1}", ":1.0}");
        let after = format!(r#"[{{"a":1,"b":[{{"c":2,"d":3}}]}},7,{other}]"#);
        applies(&append(&other), stored, &[("tags", &after)]);
        let unappend = || PropertiesPatch {
            unappend: vec![(name("tags"), vec![value(same)])],
            ..PropertiesPatch::default()
        };
        applies(&unappend(), stored, &[("tags", "[7]")]);
        applies(&PropertiesPatch { append: append(same).append, ..unappend() }, stored, stored);
    }

    #[test]
    fn the_digits_of_numbers_and_the_order_of_elements_count() {
        let append = |json| PropertiesPatch {
            append: vec![(name("tags"), vec![value(json)])],
            ..PropertiesPatch::default()
        };
        for [stored, other] in [
            ["1", "1.0"],
            ["100", "1e2"],
            ["1e2", "1E2"],
            ["0", "-0"],
            ["1", r#""1""#],
            ["[1,2]", "[2,1]"],
            [r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#],
            [r#"{"a":1}"#, r#"{"a":1,"b":null}"#],
        ] {
            let (before, after) = (format!("[{stored}]"), format!("[{stored},{other}]"));
            applies(&append(other), &[("tags", &before)], &[("tags", &after)]);
        }
    }

    #[test]
    fn of_equal_elements_none_joins_twice_and_all_leave() {
        let stored = &[("tags", r#"[{"a":1,"b":2},7,{"b":2,"a":1}]"#)];
        let equal = || vec![value(r#"{"a":1,"b":2}"#), value(r#"{"b":2,"a":1}"#)];
        let append =
            PropertiesPatch { append: vec![(name("tags"), equal())], ..PropertiesPatch::default() };
        // What is stored twice stays.
        applies(&append, stored, stored);
        applies(&append, &[], &[("tags", r#"[{"a":1,"b":2}]"#)]);
        let unappend = PropertiesPatch {
            unappend: vec![(name("tags"), equal().split_off(1))],
            ..PropertiesPatch::default()
        };
        applies(&unappend, stored, &[("tags", "[7]")]);
    }

    #[test]
    fn an_equal_value_changes_nothing() {
        let mut stored = properties(&[("size", r#"{"w":1,"h":{"cm":2,"mm":3}}"#)]);
        let before = stored.clone();
        let set = |json| PropertiesPatch {
            set: vec![(name("size"), value(json))],
            ..PropertiesPatch::default()
        };
        let reordered = r#"{"h":{"mm":3,"cm":2},"w":1}"#;
        assert_eq!(changed_by(&set(reordered), &mut stored), []);
        let cleared = PropertiesPatch { clear: true, ..set(reordered) };
        assert!(stored == before);
        assert_eq!(changed_by(&cleared, &mut stored).len(), 1);
        let other = set(r#"{"h":{"mm":3,"cm":2},"w":1.0}"#);
        assert_eq!(changed_by(&other, &mut stored).len(), 1);
    }

    #[test]
    fn an_element_that_leaves_and_joins_at_once_stays_where_it_is() {
        let patch = PropertiesPatch {
            unappend: vec![(name("tags"), vec![value("1"), value("2")])],
            append: vec![(name("tags"), vec![value("1"), value("4")])],
            ..PropertiesPatch::default()
        };
        applies(&patch, &[("tags", "[1,2,3]")], &[("tags", "[1,3,4]")]);
    }

    #[test]
    fn a_value_too_deep_for_an_array_stays_as_it_is() {
        let deep =
            |levels| format!("{}{}", r#"{"a":"#.repeat(levels - 1), "{}") + &"}".repeat(levels - 1);
        let append = || PropertiesPatch {
            append: vec![(name("tags"), vec![value("1")])],
            ..PropertiesPatch::default()
        };
        let (deepest, less) = (deep(limits::PROPERTY_DEPTH), deep(limits::PROPERTY_DEPTH - 1));
        applies(&append(), &[("tags", &deepest)], &[("tags", &deepest)]);
        applies(&append(), &[("tags", &less)], &[("tags", &format!("[{less},1]"))]);
        // An array as deep as may be takes more elements all the same.
        applies(&append(), &[("tags", &format!("[{less}]"))], &[("tags", &format!("[{less},1]"))]);
    }

    #[test]
    fn the_steps_follow_one_another() {
        let patch = PropertiesPatch {
            clear: true,
            set: vec![(name("a"), value("[1]")), (name("b"), value("2"))],
            unset: vec![name("b")],
            unappend: vec![(name("a"), vec![value("1")])],
            append: vec![(name("a"), vec![value("3")]), (name("b"), vec![value("4")])],
        };
        applies(&patch, &[("old", "0")], &[("a", "[3]"), ("b", "[4]")]);
    }

    #[test]
    fn only_what_differs_in_the_end_is_named() {
        let mut attributes = Attributes {
            properties: properties(&[("tags", r#"["a","b"]"#), ("plan", "1"), ("old", "0")]),
            ..Attributes::default()
        };
        let mut patch = Patch::default();
        patch.fields[Field::City] = Change::Clear;
        patch.fields[Field::Zip] = Change::Set("10017".parse().unwrap());
        patch.properties = PropertiesPatch {
            set: vec![(name("tags"), value(r#"["a"]"#)), (name("plan"), value("1"))],
            unset: vec![name("old")],
            append: vec![(name("tags"), vec![value(r#""b""#)])],
            ..PropertiesPatch::default()
        };
        let AppliedPatch { changed, before } = patch.apply(&mut attributes);
        let zip = ChangedAttribute::Field(Field::Zip);
        assert_eq!(changed, [zip, ChangedAttribute::Property(name("old"))]);
        assert_eq!(before.fields[Field::Zip], None);
        assert_eq!(before.properties.value(&name("old")), Some(&value("0")));
    }

    fn values() -> impl Strategy<Value = PropertyValue> {
        prop_oneof!["[0-3]", r"\[[0-3](,[0-3]){0,3}\]", Just("null".to_owned())]
            .prop_map(|json| value(&json))
    }

    fn named<V: Strategy>(values: V) -> impl Strategy<Value = Vec<(PropertyName, V::Value)>> {
        prop::collection::vec(("[a-c]".prop_map(|text| name(&text)), values), 0..4)
    }

    fn set() -> impl Strategy<Value = Vec<(PropertyName, PropertyValue)>> {
        let names = "[a-c]".prop_map(|text| name(&text));
        prop::collection::btree_map(names, values(), 0..4).prop_map(|set| set.into_iter().collect())
    }

    fn patches() -> impl Strategy<Value = PropertiesPatch> {
        let lists = || prop::collection::vec(values(), 1..3);
        let unset = prop::collection::vec("[a-c]".prop_map(|text| name(&text)), 0..2);
        (any::<bool>(), set(), unset, named(lists()), named(lists())).prop_map(
            |(clear, set, unset, unappend, append)| PropertiesPatch {
                clear,
                set,
                unset,
                unappend,
                append,
            },
        )
    }

    proptest! {
        #[test]
        fn applying_twice_equals_applying_once(patch in patches(), before in named(values())) {
            let mut once: Properties = before.into_iter().collect();
            changed_by(&patch, &mut once);
            let mut twice = once.clone();
            changed_by(&patch, &mut twice);
            prop_assert!(once == twice);
        }

        #[test]
        fn a_patch_names_exactly_what_it_changed_and_has_the_values_before(patch in patches(), before in named(values())) {
            let before: Properties = before.into_iter().collect();
            let mut after = before.clone();
            let mut applied = AppliedPatch::default();
            patch.apply(&mut after, &mut applied);
            for text in ["a", "b", "c"] {
                let (old, new) = (before.value(&name(text)), after.value(&name(text)));
                let is_named = applied.changed.contains(&ChangedAttribute::Property(name(text)));
                prop_assert_eq!(is_named, old != new);
                if is_named {
                    prop_assert_eq!(applied.before.properties.value(&name(text)), old);
                }
            }
        }
    }
}
