//! The members of a JSON object, in their order and with their values as they were sent, so that
//! the parser of profiles sees what the file has: names that occur twice, and every digit.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::{RawValue, to_raw_value};

/// The members of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowMembers(pub(crate) Vec<(String, Box<RawValue>)>);

impl RowMembers {
    /// Adds a member.
    pub(crate) fn push<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.0.push((name.to_owned(), to_raw_value(value)?));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A name that occurs twice.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.0.iter().map(|(name, _)| name.as_str()).find(|name| !seen.insert(*name))
    }

    /// Leaves out the members that are null.
    pub(crate) fn without_nulls(self) -> RowMembers {
        RowMembers(self.0.into_iter().filter(|(_, value)| !is_null(value)).collect())
    }
}

/// Whether a value is null.
pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

impl Serialize for RowMembers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RowMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RowMembers, D::Error> {
        deserializer.deserialize_map(RowMembersVisitor)
    }
}

struct RowMembersVisitor;

impl<'de> Visitor<'de> for RowMembersVisitor {
    type Value = RowMembers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RowMembers, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(RowMembers(members))
    }
}
