//! Filters of push tokens.

use std::fmt;

use super::{
    Cursor, FilterFault, FilterOperator, InvalidFilter, Word, conditions, cursor::Literal,
    fields::PushTokenField, operator_named,
};
use crate::{EnablementStatus, Platform, ProfileId};

/// Which push tokens are asked for: those for which all of this holds.
///
/// ```
/// use profile_protocol::{Platform, PushTokenFilter};
///
/// let filter = PushTokenFilter::parse("equals(platform,'ios')")?;
/// assert_eq!(filter.platform, Some(Platform::Ios));
/// # Ok::<(), profile_protocol::InvalidFilter>(())
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct PushTokenFilter {
    /// The id of the token, or the token.
    pub id: Option<String>,
    /// The profile of the token.
    pub profile: Option<ProfileId>,
    /// Whether the user allows notifications.
    pub enablement_status: Option<EnablementStatus>,
    /// The platform of the app.
    pub platform: Option<Platform>,
    /// Whether no token can fulfil all conditions: two differ, or an id is of another system.
    pub is_contradictory: bool,
}

/// Shows no token.
impl fmt::Debug for PushTokenFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushTokenFilter")
            .field("profile", &self.profile)
            .field("enablement_status", &self.enablement_status)
            .field("platform", &self.platform)
            .finish_non_exhaustive()
    }
}

impl PushTokenFilter {
    /// Reads the text of a filter, percent-decoded: `equals` on each of the fields.
    pub fn parse(text: &str) -> Result<PushTokenFilter, InvalidFilter> {
        let mut filter = PushTokenFilter::default();
        for condition in conditions(text, condition)? {
            let is_fulfilled = match condition {
                PushTokenCondition::Id(id) => set(&mut filter.id, id),
                PushTokenCondition::Profile(id) => set(&mut filter.profile, id),
                PushTokenCondition::Status(status) => set(&mut filter.enablement_status, status),
                PushTokenCondition::Platform(platform) => set(&mut filter.platform, platform),
                PushTokenCondition::Unfulfillable => false,
            };
            filter.is_contradictory |= !is_fulfilled;
        }
        Ok(filter)
    }
}

/// Sets what a condition asks for. Returns whether no other condition asks for something else.
fn set<T: PartialEq>(place: &mut Option<T>, value: T) -> bool {
    if let Some(other) = place {
        return *other == value;
    }
    *place = Some(value);
    true
}

enum PushTokenCondition {
    Id(String),
    Profile(ProfileId),
    Status(EnablementStatus),
    Platform(Platform),
    Unfulfillable,
}

fn condition(cursor: &mut Cursor<'_>, word: Word<'_>) -> Result<PushTokenCondition, InvalidFilter> {
    let offset = word.offset;
    if operator_named(word)? != FilterOperator::Equals {
        let fault = FilterFault::Expected { expected: "equals" };
        return Err(InvalidFilter { offset, fault });
    }
    cursor.expect('(', "an opening parenthesis")?;
    let field = cursor.name()?;
    cursor.expect(',', "a comma")?;
    let condition = condition_on(field, &cursor.literal()?)?;
    cursor.expect(')', "a closing parenthesis")?;
    Ok(condition)
}

fn condition_on(field: Word<'_>, value: &Literal<'_>) -> Result<PushTokenCondition, InvalidFilter> {
    let expected =
        |offset, expected| InvalidFilter { offset, fault: FilterFault::Expected { expected } };
    let choice = |words| expected(value.offset, words);
    let fields = "id, profile.id, enablement_status or platform";
    let named = PushTokenField::named(field.text).ok_or_else(|| expected(field.offset, fields))?;
    if !value.quoted {
        return Err(choice("a text in quotes"));
    }
    let text: &str = &value.text;
    match named {
        PushTokenField::Id => Ok(PushTokenCondition::Id(text.to_owned())),
        PushTokenField::Profile => {
            let id = text.parse().map(PushTokenCondition::Profile);
            Ok(id.unwrap_or(PushTokenCondition::Unfulfillable))
        }
        PushTokenField::EnablementStatus => {
            let words = "AUTHORIZED, DENIED, NOT_DETERMINED, PROVISIONAL or UNAUTHORIZED";
            let status = EnablementStatus::from_word(text).map(PushTokenCondition::Status);
            status.ok_or_else(|| choice(words))
        }
        PushTokenField::Platform => {
            let platform = Platform::from_word(&text.to_ascii_lowercase());
            let platform = platform.map(PushTokenCondition::Platform);
            platform.ok_or_else(|| choice("android or ios"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_compared_with_one_value() {
        let id = "01GDDKASAP8TKDDA2GRZDSVP4H";
        let text = format!(
            "and(equals(id,'abc'),equals(profile.id,\"{id}\")),\
             equals(enablement_status,'DENIED'),equals(platform,'iOS'),equals(id,'abc')"
        );
        let expected = PushTokenFilter {
            id: Some("abc".to_owned()),
            profile: id.parse().ok(),
            enablement_status: Some(EnablementStatus::Denied),
            platform: Some(Platform::Ios),
            is_contradictory: false,
        };
        assert_eq!(PushTokenFilter::parse(&text), Ok(expected));
    }

    #[test]
    fn conditions_that_contradict_one_another_are_fulfilled_by_no_token() {
        for text in ["equals(id,'a'),equals(id,'b')", "equals(profile.id,'old')"] {
            assert!(PushTokenFilter::parse(text).unwrap().is_contradictory, "{text}");
        }
    }

    #[test]
    fn every_fault_is_at_its_place() {
        for (text, offset) in [
            ("", 0),
            ("any(id,['a'])", 0),
            ("equals(token,'a')", 7),
            ("equals(platform,'windows')", 16),
            ("equals(enablement_status,'denied')", 25),
            ("equals(id,7)", 10),
            ("equals(id,'a'", 13),
        ] {
            assert_eq!(PushTokenFilter::parse(text).unwrap_err().offset, offset, "{text}");
        }
    }
}
