//! The fields that a filter can ask for, and the operators of each.

/// How a filter compares.
#[expect(missing_docs, reason = "each variant is the operator of that name")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FilterOperator {
    Equals,
    Any,
    GreaterThan,
    GreaterOrEqual,
    LessThan,
    LessOrEqual,
    StartsWith,
}

impl FilterOperator {
    pub(crate) const ALL: [FilterOperator; 7] = [
        FilterOperator::Equals,
        FilterOperator::Any,
        FilterOperator::GreaterThan,
        FilterOperator::GreaterOrEqual,
        FilterOperator::LessThan,
        FilterOperator::LessOrEqual,
        FilterOperator::StartsWith,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            FilterOperator::Equals => "equals",
            FilterOperator::Any => "any",
            FilterOperator::GreaterThan => "greater-than",
            FilterOperator::GreaterOrEqual => "greater-or-equal",
            FilterOperator::LessThan => "less-than",
            FilterOperator::LessOrEqual => "less-or-equal",
            FilterOperator::StartsWith => "starts-with",
        }
    }
}

/// The fields that a filter can ask for.
#[expect(missing_docs, reason = "each variant is the field of that name")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FilterField {
    Id,
    Email,
    PhoneNumber,
    ExternalId,
    AnonymousId,
    ExchangeToken,
    Created,
    Updated,
    Suppression,
}

impl FilterField {
    /// Every field.
    pub const ALL: [FilterField; 9] = [
        FilterField::Id,
        FilterField::Email,
        FilterField::PhoneNumber,
        FilterField::ExternalId,
        FilterField::AnonymousId,
        FilterField::ExchangeToken,
        FilterField::Created,
        FilterField::Updated,
        FilterField::Suppression,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            FilterField::Id => "id",
            FilterField::Email => "email",
            FilterField::PhoneNumber => "phone_number",
            FilterField::ExternalId => "external_id",
            FilterField::AnonymousId => "anonymous_id",
            FilterField::ExchangeToken => "_kx",
            FilterField::Created => "created",
            FilterField::Updated => "updated",
            FilterField::Suppression => "subscriptions.email.marketing.suppression.reason",
        }
    }

    /// The operators that a condition on the field may have.
    pub const fn operators(self) -> &'static [FilterOperator] {
        use FilterOperator::{
            Any, Equals, GreaterOrEqual, GreaterThan, LessOrEqual, LessThan, StartsWith,
        };
        match self {
            FilterField::Email => &[Equals, Any, StartsWith],
            FilterField::Id
            | FilterField::PhoneNumber
            | FilterField::ExternalId
            | FilterField::AnonymousId => &[Equals, Any],
            FilterField::ExchangeToken | FilterField::Suppression => &[Equals],
            FilterField::Created | FilterField::Updated => {
                &[GreaterThan, GreaterOrEqual, LessThan, LessOrEqual]
            }
        }
    }
}

/// The fields that a filter of push tokens can ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PushTokenField {
    Id,
    Profile,
    EnablementStatus,
    Platform,
}

impl PushTokenField {
    const ALL: [PushTokenField; 4] = [
        PushTokenField::Id,
        PushTokenField::Profile,
        PushTokenField::EnablementStatus,
        PushTokenField::Platform,
    ];

    const fn name(self) -> &'static str {
        match self {
            PushTokenField::Id => "id",
            PushTokenField::Profile => "profile.id",
            PushTokenField::EnablementStatus => "enablement_status",
            PushTokenField::Platform => "platform",
        }
    }

    /// The field of this name.
    pub(super) fn named(name: &str) -> Option<PushTokenField> {
        PushTokenField::ALL.into_iter().find(|field| field.name() == name)
    }
}
