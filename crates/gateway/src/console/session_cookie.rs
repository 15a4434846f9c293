//! The cookie that holds the id of a session.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderValue},
};

use super::sessions::SessionSecret;
use crate::{http::public_url, limits, state::GatewayState};

/// The name of the cookie. Browsers accept one with this prefix over HTTPS only.
fn name(is_encrypted: bool) -> &'static str {
    if is_encrypted { "__Secure-console" } else { "console" }
}

/// Whether the browser reaches the console over HTTPS.
pub(super) fn is_encrypted(request: &HttpRequest, gateway: &GatewayState) -> bool {
    public_url::link(request, gateway, "/").starts_with("https://")
}

/// The id of a session that the request has. `None` if it has several.
pub(super) fn session_id(headers: &HeaderMap, is_encrypted: bool) -> Option<&str> {
    let name = name(is_encrypted);
    let lines = headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(other, _)| other.trim() == name).map(|(_, value)| value.trim());
    match (values.next(), values.next()) {
        (Some(id), None) => Some(id),
        _ => None,
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
    let name = name(is_encrypted);
    let secure = if is_encrypted { "; Secure" } else { "" };
    let text = format!(
        "{name}={value}; Path=/console; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
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
            session_id(&headers, is_encrypted).map(str::to_owned)
        };
        assert_eq!(id(&["a=b; console=x1; c=d"], false).as_deref(), Some("x1"));
        assert_eq!(id(&["__Secure-console=x2"], true).as_deref(), Some("x2"));
        assert_eq!(id(&["console=x1"], true), None, "one that came without encryption");
        assert_eq!(id(&["console=x1; console=x2"], false), None);
        assert_eq!(id(&["console=x1", "console=x2"], false), None);
        assert_eq!(id(&["xconsole=x1", "console"], false), None);
    }

    #[test]
    fn a_cookie_is_for_the_console_only_and_out_of_reach_of_scripts_and_other_sites() {
        let id = SessionSecret::generate().unwrap();
        let text = |is_encrypted| given(&id, is_encrypted).unwrap().to_str().unwrap().to_owned();
        let fixed = "; Path=/console; Max-Age=43200; HttpOnly; SameSite=Strict";
        assert_eq!(text(false), format!("console={}{fixed}", id.reveal()));
        assert_eq!(text(true), format!("__Secure-console={}{fixed}; Secure", id.reveal()));
    }
}
