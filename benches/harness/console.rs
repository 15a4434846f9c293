//! How long pages of the console take with many profiles.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use crate::{
    clock,
    error::{ErrorContext, HarnessError},
    figures::{Percentiles, count, duration},
    gateway::GatewayProcess,
    limits,
    options::ConsoleOptions,
    people, progress,
    report::{ResultRow, ResultTable},
    scratch, seed,
    testbed::Testbed,
};

/// The target for a page.
const PAGE_MICROS: f64 = 50_000.0;

/// Fills a store, signs in to the console of a gateway that serves it, and opens each page again
/// and again.
pub(crate) fn measure(
    testbed: &Testbed,
    options: ConsoleOptions,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    progress::print(&format!("Console: {} profiles", count(options.profiles)));
    let data = testbed.scratch.fresh("console")?;
    seed::people(&data, 0..options.profiles)?;
    let gateway = testbed.start(&data)?;
    let session = MeasuredSession::sign_in(&gateway)?;
    for page in pages(&session)? {
        table.add(row(&session, &page, options)?);
    }
    gateway.server.stop()?;
    scratch::remove(&data)
}

/// A page that is measured.
struct MeasuredPage {
    what: &'static str,
    target: String,
    /// The fields of the form that leads to it, if one does.
    form: Option<String>,
}

impl MeasuredPage {
    fn new(what: &'static str, rest: &str) -> MeasuredPage {
        let company = people::company(0);
        MeasuredPage { what, target: format!("/console/c/{company}/{rest}"), form: None }
    }
}

fn pages(session: &MeasuredSession) -> Result<Vec<MeasuredPage>, HarnessError> {
    let email = people::email(0);
    let body = people::customer(0, people::VERSION + 1);
    let explain = MeasuredPage {
        form: Some(session.form(&[("sender", "client"), ("request", &body)])?),
        ..MeasuredPage::new("explain", "explain")
    };
    let list = MeasuredPage::new("people, first page", "people");
    let person = session.first_person(&list.target)?;
    Ok(vec![
        MeasuredPage::new("overview", "overview"),
        list,
        MeasuredPage::new("people, by address", "people?sort=email"),
        MeasuredPage::new("people who have an address", &format!("people?by=email&value={email}")),
        MeasuredPage::new(
            "people whose address begins so",
            "people?by=email_starts_with&value=sarah.00",
        ),
        MeasuredPage::new("a person", &format!("people/{person}")),
        explain,
        MeasuredPage::new("live", "live"),
        MeasuredPage::new("inspector", "inspector"),
        MeasuredPage::new("imports", "imports"),
        MeasuredPage::new("exports", "exports"),
    ])
}

fn row(
    session: &MeasuredSession,
    page: &MeasuredPage,
    options: ConsoleOptions,
) -> Result<ResultRow, HarnessError> {
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..options.visits {
        let (took, answer) = session.visit(page)?;
        times.push(took);
        thread::sleep(limits::VISIT_PAUSE);
        bytes = answer.len();
    }
    let times = Percentiles::from_times(&mut times);
    Ok(ResultRow {
        what: format!("{} profiles, console: {}", count(options.profiles), page.what),
        result: duration(times.p50),
        times: Some(times),
        wanted: vec![(format!("p99 ≤ {}", duration(PAGE_MICROS)), times.p99 <= PAGE_MICROS)],
        note: format!("{} bytes", count(bytes as u64)),
        ..ResultRow::default()
    })
}

/// A visitor who has signed in.
struct MeasuredSession {
    admin: SocketAddr,
    cookie: String,
}

impl MeasuredSession {
    fn sign_in(gateway: &GatewayProcess) -> Result<MeasuredSession, HarnessError> {
        let mut session = MeasuredSession { admin: gateway.admin, cookie: String::new() };
        let form = format!("key={}", people::CONSOLE_KEY);
        let answer = session.ask("/console/sign-in", Some(&form))?;
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.ok_or_else(|| HarnessError::new("the console set no cookie"))?;
        cookie.clone_into(&mut session.cookie);
        Ok(session)
    }

    /// Opens a page, and fails unless it is there.
    fn visit(&self, page: &MeasuredPage) -> Result<(Duration, String), HarnessError> {
        let began = clock::now();
        let answer = self.ask(&page.target, page.form.as_deref())?;
        let took = began.elapsed();
        if answer.starts_with("HTTP/1.1 200 ") {
            return Ok((took, answer));
        }
        let line = answer.lines().next().unwrap_or_default();
        Err(HarnessError::new(format!("{} was answered with {line}", page.target)))
    }

    /// The fields of a form with the token of the session.
    fn form(&self, fields: &[(&str, &str)]) -> Result<String, HarnessError> {
        let page = self.ask("/console/sign-in", None)?;
        let token = between(&page, "name=\"form_token\" value=\"", "\"");
        let token = token.ok_or_else(|| HarnessError::new("a page of the console has no token"))?;
        let fields = [("form_token", token)].into_iter().chain(fields.iter().copied());
        let fields = fields.map(|(name, value)| format!("{name}={}", encoded(value)));
        Ok(fields.collect::<Vec<_>>().join("&"))
    }

    /// The id of the first person in a list.
    fn first_person(&self, list: &str) -> Result<String, HarnessError> {
        let page = self.ask(list, None)?;
        let id = between(&page, &format!("href=\"{list}/"), "\"");
        id.map(str::to_owned).ok_or_else(|| HarnessError::new("the console lists no person"))
    }

    /// The whole answer to a GET, or to a POST of these fields, on a connection of its own.
    fn ask(&self, target: &str, form: Option<&str>) -> Result<String, HarnessError> {
        let (method, body) = form.map_or(("GET", ""), |form| ("POST", form));
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.admin,
            self.cookie,
            body.len()
        );
        let asking = || format!("ask the console for {target}");
        let mut stream = TcpStream::connect(self.admin).while_doing(asking())?;
        stream.set_read_timeout(Some(limits::PROCESS_TIMEOUT)).while_doing(asking())?;
        stream.write_all(request.as_bytes()).while_doing(asking())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).while_doing(asking())?;
        Ok(answer)
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// A value as a form has it.
fn encoded(value: &str) -> String {
    let bytes = value.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_form_has_no_character_that_ends_it() {
        assert_eq!(encoded("{\"a\": 1}&é"), "%7B%22a%22%3A%201%7D%26%C3%A9");
        assert_eq!(between("a=\"b\" c", "a=\"", "\""), Some("b"));
    }
}
