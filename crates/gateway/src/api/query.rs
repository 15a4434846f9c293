//! Query strings: only the allowed parameters, each at most once.

use std::{borrow::Cow, collections::BTreeMap};

use profile_protocol::shortened;

use super::call::Call;
use crate::{
    http::refusal::{InvalidParameter, Refusal},
    limits,
};

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Query<'q> {
    /// The query as it was sent.
    text: &'q str,
    parameters: BTreeMap<Cow<'q, str>, Cow<'q, str>>,
}

impl<'q> Query<'q> {
    /// Reads the query parameters of a request. Parameters that are not allowed are refused: a
    /// filter with a misspelt name must not list everything. Fieldsets of other resource types are
    /// accepted, since no such resource is returned.
    pub(super) fn from_call(call: &'q Call<'_>, allowed: &[&str]) -> Result<Query<'q>, Refusal> {
        Query::read(call.target.uri.query().unwrap_or_default(), allowed)
    }

    pub(super) fn read(text: &'q str, allowed: &[&str]) -> Result<Query<'q>, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if name == INCLUDE && !allowed.contains(&INCLUDE) {
                return Err(not_includable(&value));
            }
            let tolerated = name.starts_with("fields[");
            if !tolerated && !allowed.contains(&name.as_ref()) {
                return Err(invalid(&name, unknown(&name, allowed)));
            }
            if parameters.contains_key(&name) {
                return Err(invalid(&name, "The parameter is given more than once.".to_owned()));
            }
            parameters.insert(name, value);
        }
        Ok(Query { text, parameters })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(Cow::as_ref)
    }

    /// The number of items of a page.
    pub(super) fn page_size(&self) -> Result<usize, Refusal> {
        let Some(text) = self.get(PAGE_SIZE) else { return Ok(limits::PAGE_DEFAULT) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let size = text.parse().ok().filter(|size| digits && (1..=limits::PAGE).contains(size));
        size.ok_or_else(|| {
            let message = format!("The page size must be a number from 1 to {}.", limits::PAGE);
            invalid(PAGE_SIZE, message)
        })
    }

    /// The cursor. Some clients send it with a leading equals sign, others send the whole link.
    pub(super) fn cursor(&self) -> Option<Cow<'_, str>> {
        let given = self.get(PAGE_CURSOR).filter(|cursor| !cursor.is_empty())?;
        let linked = given.starts_with("http://") || given.starts_with("https://");
        if let Some((_, query)) = given.split_once('?')
            && linked
        {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            return pairs.find(|(name, _)| name == PAGE_CURSOR).map(|(_, cursor)| cursor);
        }
        Some(Cow::Borrowed(given.trim_start_matches('=')))
    }

    /// The same query with another cursor, for use in a link. Everything else is as it was sent.
    pub(super) fn with_cursor(&self, cursor: &str) -> String {
        let is_cursor = |pair: &&str| {
            let named = form_urlencoded::parse(pair.as_bytes()).next();
            named.is_some_and(|(name, _)| name == PAGE_CURSOR)
        };
        let others = self.text.split('&').filter(|pair| !pair.is_empty() && !is_cursor(pair));
        let mut appended = form_urlencoded::Serializer::new(String::new());
        let cursor = appended.append_pair(PAGE_CURSOR, cursor).finish();
        others.chain([cursor.as_str()]).collect::<Vec<_>>().join("&")
    }

    /// The kinds of related resources that are requested, if any are. They must be of these.
    pub(super) fn related(&self, kinds: &[&str]) -> Result<Option<Vec<&str>>, Refusal> {
        let Some(include) = self.get(INCLUDE) else { return Ok(None) };
        let named = include.split(',').map(str::trim).filter(|kind| !kind.is_empty());
        let named: Vec<&str> = named.collect();
        match named.iter().find(|kind| !kinds.contains(kind)) {
            Some(kind) => Err(not_includable(kind)),
            None => Ok(Some(named)),
        }
    }
}

/// The refusal of a kind of related resources, in the words of the original.
fn not_includable(kind: &str) -> Refusal {
    let kind = shortened(kind);
    let message = format!("'{kind}' is not an allowed include parameter for this resource.");
    invalid(INCLUDE, message)
}

pub(super) const INCLUDE: &str = "include";
pub(super) const FILTER: &str = "filter";
pub(super) const SORT: &str = "sort";
pub(super) const PAGE_CURSOR: &str = "page[cursor]";
pub(super) const PAGE_SIZE: &str = "page[size]";

/// An invalid query parameter.
pub(super) fn invalid(name: &str, message: String) -> Refusal {
    Refusal::Parameter(InvalidParameter { name: shortened(name).to_owned(), message })
}

fn unknown(name: &str, allowed: &[&str]) -> String {
    let name = shortened(name);
    if allowed.is_empty() {
        return format!("'{name}' is not a parameter here; there are none.");
    }
    format!("'{name}' is not a parameter here; there are {}.", allowed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: [&str; 3] = [PAGE_CURSOR, PAGE_SIZE, "sort"];

    fn read(text: &str) -> Result<Query<'_>, String> {
        Query::read(text, &ALLOWED).map_err(|refusal| {
            let Refusal::Parameter(invalid) = refusal else { panic!("{refusal:?}") };
            invalid.message
        })
    }

    #[test]
    fn what_is_not_a_parameter_here_is_refused_by_name() {
        let told = read("fitler=x").unwrap_err();
        assert_eq!(
            told,
            "'fitler' is not a parameter here; there are page[cursor], page[size], sort."
        );
        assert!(read("sort=id&sort=id").is_err());
        assert!(read("include=lists").unwrap_err().starts_with("'lists' is not an allowed"));
        assert!(read("fields[list]=name&sort=id").is_ok());
    }

    #[test]
    fn a_page_holds_1_to_100() {
        assert_eq!(read("").unwrap().page_size().unwrap(), 20);
        assert_eq!(read("page[size]=100").unwrap().page_size().unwrap(), 100);
        for size in ["0", "101", "-1", "%2B5", "x", ""] {
            assert!(read(&format!("page[size]={size}")).unwrap().page_size().is_err(), "{size}");
        }
    }

    #[test]
    fn a_cursor_is_found_however_clients_pass_it() {
        let cursor = |text| read(text).unwrap().cursor().map(Cow::into_owned);
        assert_eq!(cursor("page[cursor]=abc").as_deref(), Some("abc"));
        assert_eq!(cursor("page%5Bcursor%5D==abc").as_deref(), Some("abc"));
        let whole =
            "page[cursor]=http%3A%2F%2Fh%2Fapi%2Fprofiles%3Fsort%3Did%26page%255Bcursor%255D%3Dabc";
        assert_eq!(cursor(whole).as_deref(), Some("abc"));
        assert_eq!(cursor("page[cursor]="), None);
        assert_eq!(cursor("sort=id"), None);
    }

    #[test]
    fn the_next_page_is_asked_for_as_this_one_was() {
        let query = read("sort=-id&page[size]=2&page[cursor]=a").unwrap();
        assert_eq!(query.with_cursor("b"), "sort=-id&page[size]=2&page%5Bcursor%5D=b");
        let sent = "filter=greater-than(updated,2020-01-01T00:00:00+0000)&&sort=updated";
        let query = Query::read(sent, &[FILTER, "sort"]).unwrap();
        let filter = "filter=greater-than(updated,2020-01-01T00:00:00+0000)";
        assert_eq!(query.with_cursor("b"), format!("{filter}&sort=updated&page%5Bcursor%5D=b"));
    }

    #[test]
    fn only_related_resources_of_the_kinds_of_a_list_are_included() {
        let related = |text| {
            let query = Query::read(text, &[INCLUDE]).unwrap();
            query.related(&["lists", "segments"]).map(|kinds| kinds.map(|kinds| kinds.len()))
        };
        assert_eq!(related("").unwrap(), None);
        for (text, count) in
            [("include=lists,segments", 2), ("include=segments", 1), ("include=", 0)]
        {
            assert_eq!(related(text).unwrap(), Some(count), "{text}");
        }
        assert!(related("include=lists,profiles").is_err());
    }
}
