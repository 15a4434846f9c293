//! The cookie that holds the id of a session.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderValue},
};

use super::{refusal::ConsoleRefusal, sessions::SessionSecret};
use crate::{http::public_url, limits, state::GatewayState};

/// The name of the cookie, and the paths that it is sent to. Browsers accept one with this prefix
/// over HTTPS only, of no other host, and for all paths alone: so no host beside this one, and no
/// page that was read without encryption, can put another one in its place.
fn name_and_path(is_encrypted: bool) -> (&'static str, &'static str) {
    if is_encrypted { ("__Host-console", "/") } else { ("console", "/console") }
}

/// Whether the browser reaches the console over HTTPS.
pub(super) fn is_encrypted(request: &HttpRequest, gateway: &GatewayState) -> bool {
    public_url::link(request, gateway, "/").starts_with("https://")
}

/// The id of a session that the request has, if it has one.
pub(super) fn session_id(
    headers: &HeaderMap,
    is_encrypted: bool,
) -> Result<Option<&str>, ConsoleRefusal> {
    let (name, _) = name_and_path(is_encrypted);
    let lines = headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(other, _)| other.trim() == name).map(|(_, value)| value.trim());
    match (values.next(), values.next()) {
        (id, None) => Ok(id),
        (_, Some(_)) => Err(ConsoleRefusal::SeveralSessions),
    }
}

/// The header that gives the browser its session.
pub(super) fn given(id: &SessionSecret, is_encrypted: bool) -> Option<HeaderValue> {
    cookie(id.reveal(), limits::CONSOLE_SESSION_LIFE.as_secs(), is_encrypted)
}

/// The header that takes it away.
pub(super) fn taken(is_encrypted: bool) -> Option<HeaderValue> {
    cookie("", 0, is_encrypted)
}

fn cookie(value: &str, seconds: u64, is_encrypted: bool) -> Option<HeaderValue> {
    let (name, path) = name_and_path(is_encrypted);
    let secure = if is_encrypted { "; Secure" } else { "" };
    let text = format!(
        "{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_the_only_cookie_of_its_name() {
        let id = |lines: &[&str], is_encrypted| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            let found = session_id(&headers, is_encrypted);
            found.map(|id| id.map(str::to_owned)).or(Err("several"))
        };
        let one = |id: &str| Ok(Some(id.to_owned()));
        assert_eq!(id(&["a=b; console=x1; c=d"], false), one("x1"));
        assert_eq!(id(&["__Host-console=x2"], true), one("x2"));
        assert_eq!(id(&["console=x1"], true), Ok(None), "one that came without encryption");
        assert_eq!(id(&["xconsole=x1", "console"], false), Ok(None));
        assert_eq!(id(&["console=x1; console=x2"], false), Err("several"));
        assert_eq!(id(&["console=x1", "console=x2"], false), Err("several"));
    }

    #[test]
    fn a_cookie_is_for_this_host_only_and_out_of_reach_of_scripts_and_other_sites() {
        let id = SessionSecret::generate().unwrap();
        let text = |is_encrypted| given(&id, is_encrypted).unwrap().to_str().unwrap().to_owned();
        let fixed = "Max-Age=43200; HttpOnly; SameSite=Strict";
        assert_eq!(text(false), format!("console={}; Path=/console; {fixed}", id.reveal()));
        assert_eq!(text(true), format!("__Host-console={}; Path=/; {fixed}; Secure", id.reveal()));
    }
}
