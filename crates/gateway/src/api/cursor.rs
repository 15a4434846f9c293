//! Pages of lists, and their cursors: opaque texts that only this gateway reads.
//!
//! A cursor holds all parameters of its list, since clients follow it without repeating them, and
//! the name of the list.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use profile_protocol::ProfileId;
use profile_store::engine::Order;

use super::{
    call::Call,
    documents::PageLinks,
    query::{FILTER, PAGE_SIZE, Query, SORT, invalid},
};
use crate::{http::refusal::Refusal, limits};

const PATH: &str = "path";
const POSITION: &str = "place";
const SIZE: &str = "size";

/// The page that a request asks for.
pub(super) struct Page {
    path: String,
    /// The filter, as it was written.
    pub(super) filter: Option<String>,
    /// The sort order, as it was written.
    pub(super) sort: Option<String>,
    /// The largest number of items.
    pub(super) size: usize,
    /// Where the page begins. `None` for the first page.
    pub(super) position: Option<Vec<u8>>,
}

impl Page {
    /// Reads the page parameters of a request.
    pub(super) fn from_query(call: &Call<'_>, query: &Query<'_>) -> Result<Page, Refusal> {
        let path = call.target.uri.path().trim_end_matches('/');
        Page::read(path, query)
    }

    fn read(path: &str, query: &Query<'_>) -> Result<Page, Refusal> {
        let Some(cursor) = query.cursor() else {
            return Ok(Page {
                path: path.to_owned(),
                filter: query.get(FILTER).map(str::to_owned),
                sort: query.get(SORT).map(str::to_owned),
                size: query.page_size()?,
                position: None,
            });
        };
        let begun = Page::decode(&cursor).ok_or(Refusal::Cursor)?;
        // The cursor belongs to another list.
        let same = begun.path == path
            && query.get(FILTER).is_none_or(|filter| begun.filter.as_deref() == Some(filter))
            && query.get(SORT).is_none_or(|sort| begun.sort.as_deref() == Some(sort));
        if !same {
            return Err(Refusal::Cursor);
        }
        let asked = query.get(PAGE_SIZE).is_some();
        Ok(Page { size: if asked { query.page_size()? } else { begun.size }, ..begun })
    }

    /// The order of a list of jobs: by age, the newest first unless the request says otherwise.
    pub(super) fn order_by_age(&self) -> Result<Order, Refusal> {
        match self.sort.as_deref() {
            None | Some("-created_at") => Ok(Order::Descending),
            Some("created_at") => Ok(Order::Ascending),
            Some(_) => {
                let message = "The sort must be created_at or -created_at.".to_owned();
                Err(invalid(SORT, message))
            }
        }
    }

    /// The id after which the page of a list of jobs begins.
    pub(super) fn id_before(&self) -> Result<Option<ProfileId>, Refusal> {
        let Some(position) = &self.position else { return Ok(None) };
        let bits = position.as_slice().try_into().or(Err(Refusal::Cursor))?;
        Ok(Some(ProfileId::from_bits(u128::from_be_bytes(bits))))
    }

    /// The links of this page. The next page begins at this position.
    pub(super) fn links(
        &self,
        call: &Call<'_>,
        query: &Query<'_>,
        next: Option<&[u8]>,
    ) -> PageLinks {
        let next = next.map(|position| {
            let query = query.with_cursor(&self.cursor(position));
            call.link(&format!("{}?{query}", call.target.uri.path()))
        });
        PageLinks { this: call.own_link(), next, prev: None }
    }

    /// The cursor of the page of this list that begins at this position.
    pub(super) fn cursor(&self, position: &[u8]) -> String {
        let mut members = form_urlencoded::Serializer::new(String::new());
        members.append_pair(PATH, &self.path);
        for (name, value) in [(FILTER, &self.filter), (SORT, &self.sort)] {
            if let Some(value) = value {
                members.append_pair(name, value);
            }
        }
        members.append_pair(SIZE, &self.size.to_string());
        members.append_pair(POSITION, &BASE64_URL_SAFE_NO_PAD.encode(position));
        BASE64_URL_SAFE_NO_PAD.encode(members.finish())
    }

    fn decode(cursor: &str) -> Option<Page> {
        let text = decode(cursor)?;
        let mut members: BTreeMap<_, _> = form_urlencoded::parse(&text).into_owned().collect();
        let size = members.remove(SIZE)?.parse().ok()?;
        (1..=limits::PAGE).contains(&size).then_some(())?;
        Some(Page {
            path: members.remove(PATH)?,
            filter: members.remove(FILTER),
            sort: members.remove(SORT),
            size,
            position: Some(decode(&members.remove(POSITION)?)?),
        })
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    // Some clients send padding. It carries no information.
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::query::PAGE_CURSOR;

    const ALLOWED: [&str; 4] = [FILTER, SORT, PAGE_SIZE, PAGE_CURSOR];

    fn page(path: &str, query: &str) -> Option<Page> {
        Page::read(path, &Query::read(query, &ALLOWED).unwrap()).ok()
    }

    fn begun() -> String {
        let page = page("/api/profiles", "sort=-id&filter=equals(id,'x')&page[size]=7").unwrap();
        page.cursor(&[1, 2])
    }

    #[test]
    fn a_cursor_holds_all_that_was_asked_for() {
        let again = page("/api/profiles", &format!("page[cursor]={}", begun())).unwrap();
        assert_eq!((again.sort.as_deref(), again.size), (Some("-id"), 7));
        assert_eq!(again.filter.as_deref(), Some("equals(id,'x')"));
        assert_eq!(again.position, Some(vec![1, 2]));
    }

    #[test]
    fn a_cursor_is_of_one_list_and_no_other() {
        let cursor = begun();
        let with = |query: &str| page("/api/profiles", &format!("{query}&page[cursor]={cursor}"));
        assert!(with("sort=-id").is_some());
        assert!(with("sort=id").is_none());
        assert!(with("filter=equals(id,'y')").is_none());
        assert_eq!(with("page[size]=9").map(|page| page.size), Some(9));
        assert!(page("/api/outcomes", &format!("page[cursor]={cursor}")).is_none());
    }

    #[test]
    fn what_was_never_given_out_is_no_cursor() {
        for text in ["x", "AAAA", "cGF0aD0v", "________"] {
            assert!(page("/api/profiles", &format!("page[cursor]={text}")).is_none(), "{text}");
        }
    }
}
