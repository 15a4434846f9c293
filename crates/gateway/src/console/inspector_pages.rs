//! The pages of the inspector: the kept requests, and one of them whole.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, http::StatusCode};
use maud::{Markup, html};
use profile_store::Timestamp;

use super::{
    api_call::CompanyVisit,
    explain::PICKED,
    inspected_body,
    inspector::{InspectedBody, InspectedRequest},
    layout::{ConsoleSection, form_token, path_of},
    refusal::ConsoleRefusal,
    table::columns,
    time::shown_time,
};
use crate::{
    api::rfc3339,
    http::{auth, refusal::Refusal},
    limits,
    tenants::scope::KeyScope,
};

/// The kept requests of the company, newest first, of which a text can be searched.
pub(super) fn list(of: &CompanyVisit<'_>) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesRead)?;
    let asked = of.asked();
    let text = asked.text("text").to_lowercase();
    let mut kept = kept(of);
    kept.retain(|(_, request)| text.is_empty() || request.mentions(&text));
    let content = html! {
        @if of.principal.company.inspect { (search_form(of, asked.text("text"))) (table(of, &kept)) }
        @else {
            p {
                "The inspector is off for this company. Write " code { "inspect = true" }
                " into its part of the configuration, and reload, to keep its newest requests here."
            }
        }
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::Inspector, "Inspector", &content))
}

fn kept(of: &CompanyVisit<'_>) -> Vec<(u64, Arc<InspectedRequest>)> {
    let gateway = of.visit.gateway;
    gateway.inspector.list(&of.principal.company.id, gateway.clock.elapsed())
}

fn search_form(of: &CompanyVisit<'_>, text: &str) -> Markup {
    html! {
        form method="get" action=(path_of(&of.principal.company.id, "inspector")) role="search" {
            p {
                label for="text" { "Address, code, request id or any other text" }
                input #text name="text" type="search" value=(text) autocomplete="off";
                button type="submit" { "Search" }
            }
        }
        p.hint {
            "The last " (limits::INSPECTED_REQUESTS) " requests of an hour are kept in memory. An "
            "erasure empties the list. Keys and cookies are never kept."
        }
    }
}

fn table(of: &CompanyVisit<'_>, kept: &[(u64, Arc<InspectedRequest>)]) -> Markup {
    html! {
        @if kept.is_empty() { p role="status" { "No request is kept." } } @else {
            table {
                (columns(&["Request", "When", "Path", "Answer", "Outcome"], &[]))
                tbody {
                    @for (number, request) in kept {
                        @let page = format!("inspector/{number}");
                        tr {
                            th scope="row" {
                                a href=(path_of(&of.principal.company.id, &page)) { (request.request_id) }
                            }
                            td { (when(request)) }
                            td.value { (request.method) " " (request.target) }
                            td { (request.status) " " (request.code.unwrap_or_default()) }
                            td { (effect(request)) }
                        }
                    }
                }
            }
        }
    }
}

fn when(request: &InspectedRequest) -> Markup {
    let millis = u64::try_from(request.at.as_millis()).unwrap_or(u64::MAX);
    shown_time(&rfc3339(Timestamp::from_millis(millis)))
}

fn effect(request: &InspectedRequest) -> &'static str {
    request.stored.as_ref().map_or("", |stored| stored.effect.as_str())
}

/// One request, whole.
pub(super) fn request(of: &CompanyVisit<'_>, number: &str) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesRead)?;
    let kept = kept(of);
    let found = kept.iter().find(|(other, _)| other.to_string() == number);
    let none = Refusal::NotFound { what: "request", pointer: "/data" };
    let (_, request) = found.ok_or(none)?;
    let content = html! {
        (facts(of, request))
        h2 { "Headers" }
        dl { @for (name, value) in &request.headers { dt { (name) } dd { (value) } } }
        h2 { "Body" }
        (inspected_body::shown(request.body.as_ref()))
        h2 { "Answer" }
        @if request.answer.is_empty() { p.faint { "It has no body." } }
        @else { (inspected_body::bytes(&request.answer)) }
        h2 { "As a curl command" }
        button.quiet type="button" data-copy="curl" hidden { "Copy" }
        pre #curl { (curl(request)) }
        @if request.body.as_ref().is_some_and(|body| whole_text(body).is_none()) {
            p.hint { "The command has no body, since the body is no text." }
        }
        (explain_form(of, request))
    };
    let title = format!("Request {}", request.request_id);
    Ok(of.page(StatusCode::OK, ConsoleSection::Inspector, &title, &content))
}

fn facts(of: &CompanyVisit<'_>, request: &InspectedRequest) -> Markup {
    let since = |at: Duration| format!("{} µs", at.saturating_sub(request.began).as_micros());
    let person = request.stored.as_ref().and_then(|stored| stored.person);
    html! {
        dl {
            dt { "When" } dd { (when(request)) }
            dt { "Request" } dd { (request.method) " " (request.target) }
            dt { "Answer" } dd { (request.status) " " (request.code.unwrap_or_default()) }
            dt { "Outcome" } dd {
                (effect(request))
                @if let Some(person) = person {
                    " " a href=(path_of(&of.principal.company.id, &format!("people/{person}"))) { (person) }
                }
            }
            @if let Some(body) = &request.body { dt { "Body read after" } dd { (since(body.read_at)) } }
            @if let Some(stored) = &request.stored { dt { "Stored after" } dd { (since(stored.stored_at)) } }
            dt { "Answered after" } dd { (since(request.answered)) }
        }
    }
}

/// The request as a command, with the decoded body and without what authorized it. `-g` has curl
/// take brackets and braces in the address as they are.
fn curl(request: &InspectedRequest) -> String {
    const TRANSPORT: [&str; 6] = [
        "host",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "accept-encoding",
    ];
    let host = request.headers.iter().find(|(name, _)| name == "host");
    let host = host.map_or("localhost", |(_, host)| host);
    let mut lines = vec![format!(
        "curl -g -X {} {}",
        request.method,
        quoted(&format!("http://{host}{}", request.target))
    )];
    let headers = request.headers.iter().filter(|(name, _)| !TRANSPORT.contains(&name.as_str()));
    lines
        .extend(headers.map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
    if let Some(text) = request.body.as_ref().and_then(whole_text) {
        lines.push(format!("--data-raw {}", quoted(text)));
    }
    lines.join(" \\\n  ")
}

/// The body, if a command and a form can have it: no word of a shell has U+0000, and browsers
/// replace it.
fn whole_text(body: &InspectedBody) -> Option<&str> {
    body.text().filter(|text| !text.contains('\0'))
}

/// The text as one word of a shell. Control characters are escaped, so that none acts on the
/// terminal that the command is pasted into.
fn quoted(text: &str) -> String {
    if !text.contains(char::is_control) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = "$'".to_owned();
    for symbol in text.chars() {
        match symbol {
            '\n' => word.push_str(r"\n"),
            '\r' => word.push_str(r"\r"),
            '\t' => word.push_str(r"\t"),
            '\'' | '\\' => word.extend(['\\', symbol]),
            other if other.is_control() => {
                let escape = format!("\\u{:04x}", u32::from(other));
                word.push_str(&escape);
            }
            other => word.push(other),
        }
    }
    word.push('\'');
    word
}

fn explain_form(of: &CompanyVisit<'_>, request: &InspectedRequest) -> Markup {
    html! {
        @let text = request.body.as_ref().and_then(whole_text);
        @if let (Some(text), Some(sender)) = (text, sender_of(request)) {
            h2 { "Explain it today" }
            form method="post" action=(path_of(&of.principal.company.id, "explain")) {
                (form_token(of.visit))
                input type="hidden" name=(PICKED) value="inspector";
                input type="hidden" name="sender" value=(sender);
                input type="hidden" name="request" value=(text);
                button type="submit" { "Explain what it would do now" }
            }
        }
    }
}

/// Whose request can be explained. One to create a person is refused where an import is not.
fn sender_of(request: &InspectedRequest) -> Option<&'static str> {
    let (path, _) = request.target.split_once('?').unwrap_or((&request.target, ""));
    match (request.method.as_str(), path.trim_end_matches('/')) {
        ("POST", "/client/profiles") => Some("client"),
        ("POST", "/api/profile-import") => Some("server"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;

    use super::*;
    use crate::{
        console::{curl_line::CurlLine, inspector::SentBody},
        http::encoding::ContentEncoding,
    };

    #[test]
    fn a_copied_command_has_the_decoded_body_whatever_is_in_it() {
        let body = Bytes::from_static(b"{\"a\":\"it's \\\"$x\\\"\"}");
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = InspectedRequest {
            began: Duration::ZERO,
            at: Duration::ZERO,
            request_id: "1".to_owned(),
            method: "POST".to_owned(),
            target: "/client/profiles?company_id=ABC123".to_owned(),
            headers: vec![header("host", "shop.example"), header("revision", "2026-01-15")],
            body: Some(InspectedBody {
                sent: SentBody::new(ContentEncoding::Gzip, b"zipped"),
                decoded: Ok(body.clone()),
                read_at: Duration::ZERO,
            }),
            status: 202,
            code: None,
            answer: Bytes::new(),
            stored: None,
            answered: Duration::ZERO,
        };
        let line = curl(&request);
        assert!(
            line.starts_with("curl -g -X POST 'http://shop.example/client/profiles?company_id")
        );
        let parsed = CurlLine::parse(&line).unwrap();
        assert_eq!(parsed.body.as_bytes(), body);
        assert_eq!(parsed.headers, [header("revision", "2026-01-15")]);
    }

    #[test]
    fn a_copied_command_has_no_control_character_and_says_the_same() {
        let text = "{\"a\":\"it's \\u001b \u{1b}[31m\u{9b}\r\n\t$x\"}";
        let word = quoted(text);
        assert!(!word.contains(char::is_control), "{word}");
        let parsed = CurlLine::parse(&format!("curl -d {word}")).unwrap();
        assert_eq!(parsed.body, text);
    }
}
