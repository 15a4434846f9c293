//! Which page a request is for, and the page of each refusal.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode, header},
    web::{self, Data, Payload, ServiceConfig},
};
use maud::html;

use super::{
    actions, api_call::CompanyVisit, asset, explain, exports, form::FormFields, imports,
    inspector_pages, layout, live, overview, page, page::see_other, people, person,
    refusal::ConsoleRefusal, sign_in, visit::Visit,
};
use crate::{
    http::{admission::client_address_of, refusal_log, response::without_body_for_head},
    state::GatewayState,
};

/// The paths of the console.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.route("/console", web::route().to(serve));
    config.route("/console/{page:.*}", web::route().to(serve));
}

async fn serve(
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    let response = match answer(&request, &mut payload, &gateway).await {
        Ok(response) => response,
        Err(refusal) => refused(&request, &gateway, &refusal),
    };
    without_body_for_head(&request, response)
}

async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    gateway: &Data<GatewayState>,
) -> Result<HttpResponse, ConsoleRefusal> {
    let (path, is_form) = (request.path(), is_form(request.method())?);
    let segments: Vec<&str> =
        path.split('/').filter(|segment| !segment.is_empty()).skip(1).collect();
    match &segments[..] {
        ["assets", ..] if !is_form => asset::at(path).ok_or(ConsoleRefusal::NoPage),
        ["sign-in"] if is_form => {
            let form = FormFields::read(request.headers(), payload).await?;
            sign_in::sign_in(request, gateway, &form)
        }
        ["sign-in"] => Ok(sign_in::form(request, gateway)),
        rest => {
            let visit = Visit::from_request(request, gateway)?;
            if is_form {
                let form = FormFields::read(request.headers(), payload).await?;
                visit.check_form(&form)?;
                changed(&visit, rest, &form).await
            } else {
                shown(&visit, rest).await
            }
        }
    }
}

/// Whether the method sends a form.
fn is_form(method: &Method) -> Result<bool, ConsoleRefusal> {
    match *method {
        Method::GET | Method::HEAD => Ok(false),
        Method::POST => Ok(true),
        _ => Err(ConsoleRefusal::Method),
    }
}

/// The page that a visitor reads.
async fn shown(visit: &Visit<'_>, segments: &[&str]) -> Result<HttpResponse, ConsoleRefusal> {
    match segments {
        [] => {
            let first = visit.principals.first().ok_or(ConsoleRefusal::SessionEnded)?;
            Ok(see_other(&layout::path_of(&first.company.id, "people")))
        }
        ["c", company, rest @ ..] => {
            let of_company = CompanyVisit { visit, principal: visit.principal(company)? };
            match rest {
                [] => Ok(see_other(&layout::path_of(&of_company.principal.company.id, "people"))),
                ["people"] => people::list(&of_company).await,
                ["people", id] => person::page(&of_company, id).await,
                ["people", id, "download"] => person::download(&of_company, id).await,
                ["people", id, "merge"] => actions::confirm_merge(&of_company, id).await,
                ["people", id, "undo", absorbed] => {
                    actions::preview_undo(&of_company, id, absorbed).await
                }
                ["people", id, "erase"] => actions::confirm_erasure(&of_company, id, None).await,
                ["explain"] => explain::form(&of_company),
                ["inspector"] => inspector_pages::list(&of_company),
                ["inspector", number] => inspector_pages::request(&of_company, number),
                ["imports"] => imports::list(&of_company).await,
                ["imports", id] => imports::report(&of_company, id).await,
                ["exports"] => exports::list(&of_company),
                ["overview"] => overview::page(&of_company).await,
                ["live"] => live::page(&of_company).await,
                ["live", "events"] => live::events(&of_company),
                ["erasures", id] => actions::receipt(&of_company, id).await,
                _ => Err(ConsoleRefusal::NoPage),
            }
        }
        _ => Err(ConsoleRefusal::NoPage),
    }
}

/// Does what a form asks for.
async fn changed(
    visit: &Visit<'_>,
    segments: &[&str],
    form: &FormFields,
) -> Result<HttpResponse, ConsoleRefusal> {
    match segments {
        ["sign-out"] => Ok(sign_in::sign_out(visit)),
        ["c", company, rest @ ..] => {
            let of_company = CompanyVisit { visit, principal: visit.principal(company)? };
            match rest {
                ["people", id, "edit"] => actions::edit(&of_company, id, form).await,
                ["people", id, "merge"] => actions::merge(&of_company, id, form).await,
                ["people", _, "undo", absorbed] => actions::undo(&of_company, absorbed).await,
                ["people", id, "erase"] => actions::erase(&of_company, id, form).await,
                ["imports"] => imports::create(&of_company, form).await,
                ["exports"] => exports::create(&of_company, form),
                ["explain"] => explain::explain(&of_company, form).await,
                _ => Err(ConsoleRefusal::NoPage),
            }
        }
        _ => Err(ConsoleRefusal::NoPage),
    }
}

/// The page that says why a request was refused.
fn refused(
    request: &HttpRequest,
    gateway: &Data<GatewayState>,
    refusal: &ConsoleRefusal,
) -> HttpResponse {
    if let Some(reason) = refusal.logged().filter(|_| refusal_log::is_one_of_few(gateway)) {
        let client = client_address_of(request, gateway);
        tracing::warn!(reason, %client, "the console refused a request");
    }
    let is_read = is_form(request.method()).is_ok_and(|is_form| !is_form);
    match refusal {
        ConsoleRefusal::SignedOut if is_read => see_other("/console/sign-in"),
        ConsoleRefusal::SignedOut
        | ConsoleRefusal::SessionEnded
        | ConsoleRefusal::UnknownKey
        | ConsoleRefusal::SignIns { .. } => {
            sign_in::shown(request, gateway, refusal.status(), Some(refusal))
        }
        ConsoleRefusal::NoPage
        | ConsoleRefusal::SeveralSessions
        | ConsoleRefusal::OtherCompany
        | ConsoleRefusal::Method
        | ConsoleRefusal::Forged
        | ConsoleRefusal::Form(_)
        | ConsoleRefusal::FormTooLarge
        | ConsoleRefusal::NoEntropy
        | ConsoleRefusal::Streams
        | ConsoleRefusal::Exports
        | ConsoleRefusal::OldHttp
        | ConsoleRefusal::Api(_) => explained(request, gateway, refusal),
    }
}

fn explained(
    request: &HttpRequest,
    gateway: &Data<GatewayState>,
    refusal: &ConsoleRefusal,
) -> HttpResponse {
    let content = html! {
        p role="alert" { (refusal.detail()) }
        p { a href="/console/" { "To the start page" } }
    };
    let page = match Visit::from_request(request, gateway) {
        Ok(visit) => layout::framed(&visit, None, refusal.title(), &content),
        Err(_) => layout::bare(refusal.title(), &content),
    };
    let mut response = page::html(refusal.status(), page);
    if refusal.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = header::HeaderValue::from_static("GET, HEAD, POST");
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
