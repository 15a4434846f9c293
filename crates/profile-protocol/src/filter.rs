//! Filters: which profiles a server asks to be listed.

mod cursor;
mod escape;
mod instant;

use std::str::FromStr;

use self::{
    cursor::{Cursor, Literal, Word},
    instant::Instant,
};
use crate::{
    ClaimedId, Email, ExchangeToken, ExternalId, InvalidEmail, InvalidOpaqueId, InvalidPhoneNumber,
    PhoneNumber, limits, violation::echo,
};

/// Which profiles are asked for: those that meet every condition.
///
/// ```
/// use profile_protocol::{Condition, ProfileFilter};
///
/// let text = r#"equals(email,"Sarah@Example.com"),greater-than(created,2023-03-01T01:00:00Z)"#;
/// let filter = ProfileFilter::parse(text)?;
/// assert_eq!(filter.conditions.len(), 2);
/// assert_eq!(filter.conditions[0], Condition::Email(vec!["sarah@example.com".parse()?]));
///
/// let invalid = ProfileFilter::parse("contains(email,'sarah')").unwrap_err();
/// assert_eq!(invalid.offset, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProfileFilter {
    /// What has to hold, all of it: 1 to [`limits::FILTER_CONDITIONS`].
    pub conditions: Vec<Condition>,
}

/// Something that holds for a profile, or does not. One that lists identifiers
/// holds where one of them does: 1 to [`limits::FILTER_VALUES`].
#[expect(missing_docs, reason = "each variant asks for the field of that name")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Condition {
    Id(Vec<ClaimedId>),
    Email(Vec<Email>),
    PhoneNumber(Vec<PhoneNumber>),
    ExternalId(Vec<ExternalId>),
    /// The token called `_kx` on the wire.
    ExchangeToken(ExchangeToken),
    Created(Bound),
    Updated(Bound),
}

/// One end of a span of time, which does not belong to it. In milliseconds since
/// 1970, UTC; what lies before counts as 0.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bound {
    After(u64),
    Before(u64),
}

impl ProfileFilter {
    /// Reads the text of a filter, percent-decoded.
    ///
    /// It consists of conditions such as `equals(email,"a@example.com")`, between
    /// commas or in `and(…)`. Text stands in quotes of either kind, a moment with
    /// or without them.
    pub fn parse(text: &str) -> Result<ProfileFilter, InvalidFilter> {
        if limits::FILTER_BYTES < text.len() {
            return Err(InvalidFilter {
                offset: limits::FILTER_BYTES,
                fault: FilterFault::TooLong,
            });
        }
        let mut cursor = Cursor::new(text);
        let mut conditions = Vec::new();
        read_terms(&mut cursor, &mut conditions, 0)?;
        if !cursor.at_end() {
            return Err(cursor.missing("a comma, or the end of the filter"));
        }
        Ok(ProfileFilter { conditions })
    }
}

fn read_terms(
    cursor: &mut Cursor<'_>,
    conditions: &mut Vec<Condition>,
    depth: usize,
) -> Result<(), InvalidFilter> {
    loop {
        read_term(cursor, conditions, depth)?;
        if !cursor.take(',') {
            return Ok(());
        }
    }
}

fn read_term(
    cursor: &mut Cursor<'_>,
    conditions: &mut Vec<Condition>,
    depth: usize,
) -> Result<(), InvalidFilter> {
    let word = cursor.word();
    let invalid = |fault| Err(InvalidFilter { offset: word.offset, fault });
    if word.text == "and" {
        if depth == limits::FILTER_DEPTH {
            return invalid(FilterFault::TooDeep);
        }
        cursor.expect('(', "an opening parenthesis")?;
        read_terms(cursor, conditions, depth + 1)?;
        return cursor.expect(')', "a comma or a closing parenthesis");
    }
    if conditions.len() == limits::FILTER_CONDITIONS {
        return invalid(FilterFault::TooManyConditions);
    }
    conditions.push(condition(cursor, word)?);
    Ok(())
}

fn condition(cursor: &mut Cursor<'_>, word: Word<'_>) -> Result<Condition, InvalidFilter> {
    let operator = Operator::named(word)?;
    cursor.expect('(', "an opening parenthesis")?;
    let field = Column::named(cursor.word())?;
    if !field.allows(operator) {
        let (operator, field, allowed) = (operator.name(), field.name(), field.allowed());
        let fault = FilterFault::NotAllowed { operator, field, allowed };
        return Err(InvalidFilter { offset: word.offset, fault });
    }
    cursor.expect(',', "a comma")?;
    let condition = meant(cursor, operator, field)?;
    cursor.expect(')', "a closing parenthesis")?;
    Ok(condition)
}

fn meant(
    cursor: &mut Cursor<'_>,
    operator: Operator,
    field: Column,
) -> Result<Condition, InvalidFilter> {
    Ok(match field {
        Column::Id => Condition::Id(texts(cursor, operator)?),
        Column::Email => Condition::Email(texts(cursor, operator)?),
        Column::PhoneNumber => Condition::PhoneNumber(texts(cursor, operator)?),
        Column::ExternalId => Condition::ExternalId(texts(cursor, operator)?),
        Column::ExchangeToken => Condition::ExchangeToken(text(&cursor.literal()?)?),
        Column::Created => Condition::Created(bound(operator, &cursor.literal()?)?),
        Column::Updated => Condition::Updated(bound(operator, &cursor.literal()?)?),
    })
}

fn texts<T>(cursor: &mut Cursor<'_>, operator: Operator) -> Result<Vec<T>, InvalidFilter>
where
    T: FromStr,
    T::Err: Into<FilterFault>,
{
    values(cursor, operator)?.iter().map(text).collect()
}

fn values<'a>(
    cursor: &mut Cursor<'a>,
    operator: Operator,
) -> Result<Vec<Literal<'a>>, InvalidFilter> {
    if operator != Operator::Any {
        return Ok(vec![cursor.literal()?]);
    }
    cursor.expect('[', "a list, such as [\"a\",\"b\"],")?;
    let mut values = Vec::new();
    loop {
        let offset = cursor.offset();
        if values.len() == limits::FILTER_VALUES {
            return Err(InvalidFilter { offset, fault: FilterFault::TooManyValues });
        }
        values.push(cursor.literal()?);
        if !cursor.take(',') {
            cursor.expect(']', "a comma or a closing bracket")?;
            return Ok(values);
        }
    }
}

fn text<T>(value: &Literal<'_>) -> Result<T, InvalidFilter>
where
    T: FromStr,
    T::Err: Into<FilterFault>,
{
    let fault = match value {
        Literal { quoted: true, text, .. } => match text.parse() {
            Ok(read) => return Ok(read),
            Err(error) => Into::<FilterFault>::into(error),
        },
        Literal { text, .. } if text == "null" => FilterFault::Null,
        _ => FilterFault::Expected { expected: "a text in quotes" },
    };
    Err(InvalidFilter { offset: value.offset, fault })
}

fn bound(operator: Operator, value: &Literal<'_>) -> Result<Bound, InvalidFilter> {
    let Some(Instant { floor, ceiling }) = Instant::parse(&value.text) else {
        let null = !value.quoted && value.text == "null";
        let fault = if null { FilterFault::Null } else { FilterFault::Time };
        return Err(InvalidFilter { offset: value.offset, fault });
    };
    let since_1970 = |milliseconds: i64| u64::try_from(milliseconds).unwrap_or(0);
    Ok(match operator {
        Operator::GreaterOrEqual => Bound::After(since_1970(ceiling - 1)),
        Operator::LessThan => Bound::Before(since_1970(ceiling)),
        Operator::LessOrEqual => Bound::Before(since_1970(floor + 1)),
        Operator::GreaterThan | Operator::Equals | Operator::Any => Bound::After(since_1970(floor)),
    })
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Operator {
    Equals,
    Any,
    GreaterThan,
    GreaterOrEqual,
    LessThan,
    LessOrEqual,
}

impl Operator {
    const ALL: [Operator; 6] = [
        Operator::Equals,
        Operator::Any,
        Operator::GreaterThan,
        Operator::GreaterOrEqual,
        Operator::LessThan,
        Operator::LessOrEqual,
    ];

    const fn name(self) -> &'static str {
        match self {
            Operator::Equals => "equals",
            Operator::Any => "any",
            Operator::GreaterThan => "greater-than",
            Operator::GreaterOrEqual => "greater-or-equal",
            Operator::LessThan => "less-than",
            Operator::LessOrEqual => "less-or-equal",
        }
    }

    fn named(word: Word<'_>) -> Result<Operator, InvalidFilter> {
        let known = Operator::ALL.into_iter().find(|operator| operator.name() == word.text);
        known.ok_or_else(|| {
            let fault = if word.text.is_empty() {
                FilterFault::Expected { expected: "a condition, such as equals(id,\"…\")," }
            } else {
                FilterFault::UnknownOperator { name: echo(word.text).to_owned() }
            };
            InvalidFilter { offset: word.offset, fault }
        })
    }
}

/// What can be asked for.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Column {
    Id,
    Email,
    PhoneNumber,
    ExternalId,
    ExchangeToken,
    Created,
    Updated,
}

impl Column {
    const ALL: [Column; 7] = [
        Column::Id,
        Column::Email,
        Column::PhoneNumber,
        Column::ExternalId,
        Column::ExchangeToken,
        Column::Created,
        Column::Updated,
    ];

    const fn name(self) -> &'static str {
        match self {
            Column::Id => "id",
            Column::Email => "email",
            Column::PhoneNumber => "phone_number",
            Column::ExternalId => "external_id",
            Column::ExchangeToken => "_kx",
            Column::Created => "created",
            Column::Updated => "updated",
        }
    }

    fn named(word: Word<'_>) -> Result<Column, InvalidFilter> {
        let known = Column::ALL.into_iter().find(|field| field.name() == word.text);
        known.ok_or_else(|| {
            let name = echo(word.text).to_owned();
            InvalidFilter { offset: word.offset, fault: FilterFault::UnknownField { name } }
        })
    }

    const fn allows(self, operator: Operator) -> bool {
        match self {
            Column::Id | Column::Email | Column::PhoneNumber | Column::ExternalId => {
                matches!(operator, Operator::Equals | Operator::Any)
            }
            Column::ExchangeToken => matches!(operator, Operator::Equals),
            Column::Created | Column::Updated => {
                !matches!(operator, Operator::Equals | Operator::Any)
            }
        }
    }

    /// The same in words.
    const fn allowed(self) -> &'static str {
        match self {
            Column::Id | Column::Email | Column::PhoneNumber | Column::ExternalId => {
                "equals or any"
            }
            Column::ExchangeToken => "equals",
            Column::Created | Column::Updated => {
                "greater-than, greater-or-equal, less-than or less-or-equal"
            }
        }
    }
}

/// Why some text is not a [`ProfileFilter`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{fault}, at byte {offset}")]
pub struct InvalidFilter {
    /// Where in the text, in bytes from its beginning.
    pub offset: usize,
    /// What is wrong there. Its `Display` says what would be right.
    pub fault: FilterFault,
}

/// What can be wrong at one place of a filter.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterFault {
    #[error("must be at most {} bytes", limits::FILTER_BYTES)]
    TooLong,
    #[error("must not nest and(…) deeper than {} levels", limits::FILTER_DEPTH)]
    TooDeep,
    #[error("must have at most {} conditions", limits::FILTER_CONDITIONS)]
    TooManyConditions,
    #[error("must list at most {} values", limits::FILTER_VALUES)]
    TooManyValues,
    #[error("must have {expected} there")]
    Expected { expected: &'static str },
    #[error(
        "must use and(…) or one of the operators equals, any, greater-than, greater-or-equal, \
         less-than and less-or-equal, not '{name}'"
    )]
    UnknownOperator { name: String },
    #[error(
        "must ask for one of id, email, phone_number, external_id, _kx, created and updated, not \
         '{name}'"
    )]
    UnknownField { name: String },
    #[error("must ask for {field} with {allowed}, not {operator}")]
    NotAllowed { operator: &'static str, field: &'static str, allowed: &'static str },
    #[error("must close what is quoted")]
    Unclosed,
    #[error("must have an escape of JSON after a backslash")]
    Escape,
    #[error("must not ask for null: what a profile lacks cannot be asked for")]
    Null,
    #[error("must have a date with a time there, such as 2023-03-01T01:00:00Z")]
    Time,
    #[error("must have a valid email address there, which {0}")]
    Email(InvalidEmail),
    #[error("must have a valid phone number there, which {0}")]
    PhoneNumber(InvalidPhoneNumber),
    #[error("must have a valid identifier there, which {0}")]
    Identifier(InvalidOpaqueId),
}

impl From<InvalidEmail> for FilterFault {
    fn from(error: InvalidEmail) -> FilterFault {
        FilterFault::Email(error)
    }
}

impl From<InvalidPhoneNumber> for FilterFault {
    fn from(error: InvalidPhoneNumber) -> FilterFault {
        FilterFault::PhoneNumber(error)
    }
}

impl From<InvalidOpaqueId> for FilterFault {
    fn from(error: InvalidOpaqueId) -> FilterFault {
        FilterFault::Identifier(error)
    }
}
