//! Forms that pages send.

use actix_web::{
    http::header::{self, HeaderMap},
    rt::time::timeout,
    web::{BytesMut, Payload},
};
use futures_util::StreamExt;

use super::refusal::ConsoleRefusal;
use crate::{http::admission::only, limits};

/// The name of the field with the token of the session.
pub(super) const TOKEN: &str = "form_token";

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The fields of a form, in order. `Debug` is missing, since they are personal.
#[derive(Default)]
pub(super) struct FormFields {
    fields: Vec<(String, String)>,
}

impl FormFields {
    /// Reads the body of a request.
    pub(super) async fn read(
        headers: &HeaderMap,
        payload: &mut Payload,
    ) -> Result<FormFields, ConsoleRefusal> {
        let sent = only(headers, &header::CONTENT_TYPE);
        let essence = sent.and_then(|sent| sent.split(';').next()).unwrap_or("").trim();
        if !essence.eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(ConsoleRefusal::Form(
                "Its Content-Type must be application/x-www-form-urlencoded.",
            ));
        }
        let gathered = timeout(limits::BODY_TIMEOUT, gather(payload)).await;
        let body = gathered.unwrap_or(Err(ConsoleRefusal::Form("It did not arrive in time.")))?;
        FormFields::parse(&body).ok_or(ConsoleRefusal::Form("It has too many fields."))
    }

    /// Parses a body or a query.
    pub(super) fn parse(text: &[u8]) -> Option<FormFields> {
        let pairs = form_urlencoded::parse(text).into_owned();
        let fields: Vec<_> = pairs.take(limits::CONSOLE_FORM_FIELDS + 1).collect();
        (fields.len() <= limits::CONSOLE_FORM_FIELDS).then_some(FormFields { fields })
    }

    /// The value of a field, without spaces around it; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The value of a field as it was sent; empty if there is none.
    pub(super) fn raw(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }
}

async fn gather(payload: &mut Payload) -> Result<BytesMut, ConsoleRefusal> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.or(Err(ConsoleRefusal::Form("It did not arrive whole.")))?;
        if limits::CONSOLE_FORM_BYTES < body.len() + chunk.len() {
            return Err(ConsoleRefusal::FormTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_send_them() {
        let form = FormFields::parse(b"a=+x%20%26+&b=1&a=2&c").unwrap();
        assert_eq!((form.text("a"), form.raw("a")), ("x &", " x & "));
        assert_eq!((form.text("b"), form.text("c"), form.text("d")), ("1", "", ""));
        let many = "a=1&".repeat(limits::CONSOLE_FORM_FIELDS + 1);
        assert!(FormFields::parse(many.as_bytes()).is_none());
    }
}
