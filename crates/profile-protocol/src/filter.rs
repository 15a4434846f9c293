//! Filters: which profiles or push tokens a server asks to be listed.

mod cursor;
mod email_prefix;
mod escape;
mod fault;
mod fields;
mod instant;
mod push_tokens;

pub(crate) use instant::Instant;
pub use instant::{InvalidTime, NamedTime};

use std::str::FromStr;

use self::cursor::{Cursor, Literal, Word};
pub use self::{
    email_prefix::{EmailPrefix, InvalidEmailPrefix},
    fault::{FilterFault, InvalidFilter},
    fields::{FilterField, FilterOperator},
    push_tokens::PushTokenFilter,
};
use crate::{
    AnonymousId, ClaimedId, Email, ExchangeToken, ExternalId, PhoneNumber, Text, limits,
    pointer::shortened,
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
    EmailPrefix(EmailPrefix),
    PhoneNumber(Vec<PhoneNumber>),
    ExternalId(Vec<ExternalId>),
    AnonymousId(Vec<AnonymousId>),
    /// The token called `_kx` on the wire.
    ExchangeToken(ExchangeToken),
    Created(Bound),
    Updated(Bound),
    /// The reason for which email to the profile is suppressed.
    Suppression(Text),
}

/// One end of a span of time, which does not belong to it. In milliseconds since 1970, UTC; earlier
/// times count as 0.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bound {
    After(u64),
    Before(u64),
}

impl ProfileFilter {
    /// Reads the text of a filter, percent-decoded.
    ///
    /// It consists of conditions such as `equals(email,"a@example.com")`, between commas or in
    /// `and(…)`. Text is in quotes of either kind, a time with or without quotes.
    pub fn parse(text: &str) -> Result<ProfileFilter, InvalidFilter> {
        Ok(ProfileFilter { conditions: conditions(text, condition)? })
    }
}

/// Reads a condition that begins with this word.
type ReadCondition<T> = fn(&mut Cursor<'_>, Word<'_>) -> Result<T, InvalidFilter>;

/// The conditions of a filter.
fn conditions<T>(text: &str, read: ReadCondition<T>) -> Result<Vec<T>, InvalidFilter> {
    if limits::FILTER_BYTES < text.len() {
        return Err(InvalidFilter { offset: limits::FILTER_BYTES, fault: FilterFault::TooLong });
    }
    let mut cursor = Cursor::new(text);
    let mut conditions = Vec::new();
    read_terms(&mut cursor, &mut conditions, read, 0)?;
    if !cursor.at_end() {
        return Err(cursor.missing("a comma, or the end of the filter"));
    }
    Ok(conditions)
}

fn read_terms<T>(
    cursor: &mut Cursor<'_>,
    conditions: &mut Vec<T>,
    read: ReadCondition<T>,
    depth: usize,
) -> Result<(), InvalidFilter> {
    loop {
        read_term(cursor, conditions, read, depth)?;
        if !cursor.take(',') {
            return Ok(());
        }
    }
}

fn read_term<T>(
    cursor: &mut Cursor<'_>,
    conditions: &mut Vec<T>,
    read: ReadCondition<T>,
    depth: usize,
) -> Result<(), InvalidFilter> {
    let word = cursor.word();
    let invalid = |fault| Err(InvalidFilter { offset: word.offset, fault });
    if word.text == "and" {
        if depth == limits::FILTER_DEPTH {
            return invalid(FilterFault::TooDeep);
        }
        cursor.expect('(', "an opening parenthesis")?;
        read_terms(cursor, conditions, read, depth + 1)?;
        return cursor.expect(')', "a comma or a closing parenthesis");
    }
    if conditions.len() == limits::FILTER_CONDITIONS {
        return invalid(FilterFault::TooManyConditions);
    }
    conditions.push(read(cursor, word)?);
    Ok(())
}

fn condition(cursor: &mut Cursor<'_>, word: Word<'_>) -> Result<Condition, InvalidFilter> {
    let operator = operator_named(word)?;
    cursor.expect('(', "an opening parenthesis")?;
    let field = field_named(cursor.name()?)?;
    if !field.operators().contains(&operator) {
        let fault = FilterFault::NotAllowed { operator, field };
        return Err(InvalidFilter { offset: word.offset, fault });
    }
    cursor.expect(',', "a comma")?;
    let condition = condition_on(cursor, operator, field)?;
    cursor.expect(')', "a closing parenthesis")?;
    Ok(condition)
}

fn condition_on(
    cursor: &mut Cursor<'_>,
    operator: FilterOperator,
    field: FilterField,
) -> Result<Condition, InvalidFilter> {
    Ok(match field {
        FilterField::Id => Condition::Id(parsed_values(cursor, operator)?),
        FilterField::Email if operator == FilterOperator::StartsWith => {
            Condition::EmailPrefix(parsed(&cursor.literal()?)?)
        }
        FilterField::Email => Condition::Email(parsed_values(cursor, operator)?),
        FilterField::PhoneNumber => Condition::PhoneNumber(parsed_values(cursor, operator)?),
        FilterField::ExternalId => Condition::ExternalId(parsed_values(cursor, operator)?),
        FilterField::AnonymousId => Condition::AnonymousId(parsed_values(cursor, operator)?),
        FilterField::ExchangeToken => Condition::ExchangeToken(parsed(&cursor.literal()?)?),
        FilterField::Created => Condition::Created(bound(operator, &cursor.literal()?)?),
        FilterField::Updated => Condition::Updated(bound(operator, &cursor.literal()?)?),
        FilterField::Suppression => Condition::Suppression(parsed(&cursor.literal()?)?),
    })
}

fn parsed_values<T>(
    cursor: &mut Cursor<'_>,
    operator: FilterOperator,
) -> Result<Vec<T>, InvalidFilter>
where
    T: FromStr,
    T::Err: Into<FilterFault>,
{
    values(cursor, operator)?.iter().map(parsed).collect()
}

fn values<'a>(
    cursor: &mut Cursor<'a>,
    operator: FilterOperator,
) -> Result<Vec<Literal<'a>>, InvalidFilter> {
    if operator != FilterOperator::Any {
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

fn parsed<T>(value: &Literal<'_>) -> Result<T, InvalidFilter>
where
    T: FromStr,
    T::Err: Into<FilterFault>,
{
    let fault = match value {
        Literal { quoted: true, text, .. } => match text.parse() {
            Ok(read) => return Ok(read),
            Err(error) => with_hint(error.into(), text),
        },
        Literal { text, .. } if text == "null" => FilterFault::Null,
        _ => FilterFault::Expected { expected: "a text in quotes" },
    };
    Err(InvalidFilter { offset: value.offset, fault })
}

/// Says that a `+` has to be escaped where one was probably read as a space: no address and no
/// number has a space.
fn with_hint(fault: FilterFault, text: &str) -> FilterFault {
    let is_address = matches!(fault, FilterFault::Email(_) | FilterFault::PhoneNumber(_));
    if is_address && text.contains(' ') {
        FilterFault::Space { fault: Box::new(fault) }
    } else {
        fault
    }
}

fn bound(operator: FilterOperator, value: &Literal<'_>) -> Result<Bound, InvalidFilter> {
    let Some(Instant { floor, ceiling }) = Instant::parse(&value.text) else {
        let null = !value.quoted && value.text == "null";
        let fault = if null { FilterFault::Null } else { FilterFault::Time };
        return Err(InvalidFilter { offset: value.offset, fault });
    };
    let since_1970 = |milliseconds: i64| u64::try_from(milliseconds).unwrap_or(0);
    Ok(match operator {
        FilterOperator::GreaterOrEqual => Bound::After(since_1970(ceiling - 1)),
        FilterOperator::LessThan => Bound::Before(since_1970(ceiling)),
        FilterOperator::LessOrEqual => Bound::Before(since_1970(floor + 1)),
        FilterOperator::GreaterThan
        | FilterOperator::Equals
        | FilterOperator::Any
        | FilterOperator::StartsWith => Bound::After(since_1970(floor)),
    })
}

fn operator_named(word: Word<'_>) -> Result<FilterOperator, InvalidFilter> {
    let found = FilterOperator::ALL.into_iter().find(|operator| operator.name() == word.text);
    found.ok_or_else(|| {
        let fault = if word.text.is_empty() {
            FilterFault::Expected { expected: "a condition, such as equals(id,\"…\")," }
        } else {
            FilterFault::UnknownOperator { name: shortened(word.text).to_owned() }
        };
        InvalidFilter { offset: word.offset, fault }
    })
}

fn field_named(word: Word<'_>) -> Result<FilterField, InvalidFilter> {
    let found = FilterField::ALL.into_iter().find(|field| field.name() == word.text);
    found.ok_or_else(|| {
        let name = shortened(word.text).to_owned();
        InvalidFilter { offset: word.offset, fault: FilterFault::UnknownField { name } }
    })
}
