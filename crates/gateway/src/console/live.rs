//! What happens now: outcomes and refusals of a company as they come.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    rt::time::sleep,
    web::Bytes,
};
use futures_util::stream::unfold;
use maud::{Markup, html};
use profile_protocol::CompanyId;
use profile_store::Timestamp;

use super::{
    api_call::{CompanyVisit, ListPage, query_of},
    form::FormFields,
    history::{self, OutcomeDocument, kind_words},
    layout::{ConsoleSection, path_of},
    live_streams::LiveStreamPermit,
    page,
    read_access::ReadAccess,
    refusal::ConsoleRefusal,
    refusal_feed::RefusalNote,
    time::shown_time,
};
use crate::{
    api::{NewOutcomes, outcomes_after, rfc3339},
    capacity::open_connection::ConnectionActivity,
    endpoints::Endpoint,
    http::{auth, refusal::Refusal},
    limits,
    tenants::{directory::Company, scope::KeyScope},
};

/// The kinds of identifiers that a view can be limited to.
const KINDS: [&str; 5] = ["email", "phone_number", "external_id", "anonymous_id", "id"];

/// What a view is limited to.
#[derive(Clone, Default)]
struct LiveFilter {
    /// The code of refusals; all codes if it is empty.
    code: String,
    /// The kind of an identifier that an outcome is about; all kinds if it is empty.
    kind: String,
}

impl LiveFilter {
    fn of(asked: &FormFields) -> LiveFilter {
        LiveFilter { code: asked.text("code").to_owned(), kind: asked.text("kind").to_owned() }
    }

    fn shows(&self, item: &LiveItem) -> bool {
        match item {
            LiveItem::Outcome(outcome) => {
                let is_about = || {
                    let mut claims = outcome.attributes.claims.iter();
                    claims.any(|claim| claim.identifier == self.kind)
                };
                self.code.is_empty() && (self.kind.is_empty() || is_about())
            }
            LiveItem::Refusal(note) => {
                self.kind.is_empty() && (self.code.is_empty() || note.code == self.code)
            }
        }
    }
}

/// Something that happened.
enum LiveItem {
    Outcome(Box<OutcomeDocument>),
    Refusal(Arc<RefusalNote>),
}

impl LiveItem {
    fn at(&self) -> String {
        match self {
            LiveItem::Outcome(outcome) => outcome.attributes.at.clone(),
            LiveItem::Refusal(note) => rfc3339(timestamp(note.at)),
        }
    }

    fn shown(&self, company: &Company) -> Markup {
        let (id, is_inspected) = (&company.id, company.inspect);
        html! {
            li {
                @match self {
                    LiveItem::Outcome(outcome) => {
                        p.faint {
                            (shown_time(&outcome.attributes.at))
                            @if let Some(id) = &outcome.attributes.request_id { " · request " (id) }
                        }
                        (history::words(id, outcome))
                        @if let Some(person) = outcome.person() {
                            p { a href=(path_of(id, &format!("people/{person}"))) { "Person " (person) } }
                        }
                    }
                    LiveItem::Refusal(note) => {
                        (refused(note))
                        @if is_inspected {
                            @let query = query_of(&[("text", &note.request)]);
                            p { a href=(path_of(id, &format!("inspector?{query}"))) { "The request, whole" } }
                        }
                    }
                }
            }
        }
    }
}

fn refused(note: &RefusalNote) -> Markup {
    html! {
        p.faint { (shown_time(&rfc3339(timestamp(note.at)))) " · request " (note.request) }
        p {
            strong.bad { "Refused: " (note.code) } " (" (note.status) ")"
            @if !note.pointers.is_empty() { " at " code { (note.pointers) } }
        }
        @if let Some(detail) = note.detail { p { (detail) } }
    }
}

fn timestamp(since_1970: Duration) -> Timestamp {
    Timestamp::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// The page: the newest of both, which the script continues.
pub(super) async fn page(of: &CompanyVisit<'_>) -> Result<HttpResponse, ConsoleRefusal> {
    let company = &of.principal.company.id;
    let filter = LiveFilter::of(&of.asked());
    let size = limits::CONSOLE_LIVE_ITEMS.to_string();
    let query = query_of(&[("sort", "-at"), ("page[size]", &size)]);
    let outcomes: ListPage<OutcomeDocument> = of.read(Endpoint::ListOutcomes, "", &query).await?;
    let (refusals, _) =
        of.visit.gateway.console_refusals.after(company, 0, limits::CONSOLE_LIVE_ITEMS);
    let outcomes = outcomes.data.into_iter().map(|outcome| LiveItem::Outcome(Box::new(outcome)));
    let mut items: Vec<LiveItem> =
        outcomes.chain(refusals.into_iter().map(LiveItem::Refusal)).collect();
    items.retain(|item| filter.shows(item));
    items.sort_by_key(|item| std::cmp::Reverse(item.at()));
    let query = query_of(&[("code", &filter.code), ("kind", &filter.kind)]);
    let events = path_of(company, &format!("live/events?{query}"));
    let content = html! {
        (filter_form(company, &filter))
        p.buttons {
            button.quiet #pause type="button" hidden aria-pressed="false" { "Pause" }
            span #live-status role="status" { "Load the page again to see what is new." }
        }
        ol.history.live #live data-events=(events) data-most=(4 * limits::CONSOLE_LIVE_ITEMS) {
            @for item in &items { (item.shown(&of.principal.company)) }
        }
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::Live, "Live", &content))
}

fn filter_form(company: &CompanyId, filter: &LiveFilter) -> Markup {
    html! {
        form method="get" action=(path_of(company, "live")) {
            div.fields {
                p {
                    label for="code" { "Only refusals with the code" }
                    input #code name="code" value=(filter.code) autocomplete="off";
                }
                p {
                    label for="kind" { "Only outcomes about" }
                    select #kind name="kind" {
                        option value="" { "any identifier" }
                        @for kind in KINDS {
                            option value=(kind) selected[kind == filter.kind] { (kind_words(kind)) }
                        }
                    }
                }
            }
            button type="submit" { "Filter" }
        }
    }
}

/// The state of one stream of events.
struct LiveTail {
    /// The stream ends with it.
    access: ReadAccess,
    filter: LiveFilter,
    /// Whether anything was sent: every text but the first comes after a pause.
    has_begun: bool,
    outcome: Option<u64>,
    refusal: u64,
    /// The stream counts until it is dropped.
    _permit: LiveStreamPermit,
}

/// The stream of events that the script of the page shows.
pub(super) fn events(of: &CompanyVisit<'_>) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesRead)?;
    let visit = of.visit;
    let permit = visit.gateway.console_streams.begin(&of.principal.company.id);
    let permit = permit.ok_or(ConsoleRefusal::Streams)?;
    let (_, refusal) = visit.gateway.console_refusals.after(&of.principal.company.id, u64::MAX, 0);
    let tail = LiveTail {
        access: ReadAccess::of(of),
        filter: LiveFilter::of(&of.asked()),
        has_begun: false,
        outcome: None,
        refusal,
        _permit: permit,
    };
    // The connection is not idle until the stream ends.
    let activity = visit.request.conn_data::<ConnectionActivity>();
    let in_progress = activity.and_then(ConnectionActivity::begin);
    let stream = unfold((tail, in_progress), |(mut tail, in_progress)| async move {
        let text = tail.next().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), (tail, in_progress)))
    });
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, "text/event-stream"));
    // For proxies that would gather events otherwise.
    response.insert_header(("X-Accel-Buffering", "no"));
    Ok(page::hardened(response.streaming(stream)))
}

impl LiveTail {
    /// The text of the next events, after a pause. `None` if the session has ended.
    async fn next(&mut self) -> Option<String> {
        if self.has_begun {
            sleep(limits::CONSOLE_LIVE_PERIOD).await;
        }
        self.has_begun = true;
        self.access.is_open().then_some(())?;
        let mut text = String::new();
        match self.items().await {
            Ok((items, left_out)) => {
                for item in items.iter().filter(|item| self.filter.shows(item)) {
                    push_event(&mut text, "item", &item.shown(&self.access.company).into_string());
                }
                if left_out != 0 {
                    push_event(&mut text, "left-out", &left_out.to_string());
                }
            }
            Err(refusal) => push_event(&mut text, "trouble", refusal.code()),
        }
        if text.is_empty() {
            // A comment, by which each side notices that the other has gone.
            text.push_str(":\n\n");
        }
        Some(text)
    }

    /// What is new, oldest first, and how many outcomes were left out.
    async fn items(&mut self) -> Result<(Vec<LiveItem>, u64), Refusal> {
        let most = limits::CONSOLE_LIVE_ITEMS;
        let ReadAccess { gateway, company, .. } = &self.access;
        let (refusals, number) = gateway.console_refusals.after(&company.id, self.refusal, most);
        let mut items: Vec<LiveItem> = refusals.into_iter().map(LiveItem::Refusal).collect();
        let (after, most) = self.outcome.map_or((0, 0), |after| (after, most));
        let NewOutcomes { documents, left_out, newest } =
            outcomes_after(gateway, company, after, most).await?;
        // What could not be read together comes with the next items.
        self.refusal = number;
        let is_first = self.outcome.replace(newest).is_none();
        let outcomes = documents.into_iter().filter_map(|one| serde_json::from_value(one).ok());
        items.extend(outcomes.map(|outcome| LiveItem::Outcome(Box::new(outcome))));
        items.sort_by_key(LiveItem::at);
        Ok((items, if is_first { 0 } else { left_out }))
    }
}

/// Adds an event. A line break would end its data.
fn push_event(text: &mut String, name: &str, data: &str) {
    for part in ["event: ", name, "\ndata: ", &data.replace(['\n', '\r'], " "), "\n\n"] {
        text.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_an_event() {
        let mut text = String::new();
        push_event(&mut text, "item", "a\nevent: b\r\n\nc");
        assert_eq!(text, "event: item\ndata: a event: b   c\n\n");
    }

    #[test]
    fn a_view_shows_what_its_filter_names() {
        let filter = |query: &str| LiveFilter::of(&FormFields::parse(query.as_bytes()).unwrap());
        let refusal = LiveItem::Refusal(Arc::new(RefusalNote {
            at: Duration::ZERO,
            company: "ABC123".parse().unwrap(),
            request: String::new(),
            status: 400,
            code: "invalid",
            pointers: String::new(),
            detail: None,
        }));
        assert!(filter("").shows(&refusal) && filter("code=invalid").shows(&refusal));
        assert!(!filter("code=throttled").shows(&refusal) && !filter("kind=email").shows(&refusal));
    }
}
