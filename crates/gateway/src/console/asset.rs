//! The files that pages refer to. Their URLs have a digest of their content, so browsers keep them.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header, web::Bytes};

use crate::tenants::private_key::KeyDigest;

/// Digits of a digest in a URL.
const DIGEST_DIGITS: usize = 16;

/// A file.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const STYLE: Asset = Asset {
    stem: "console",
    extension: "css",
    media_type: "text/css; charset=utf-8",
    text: include_str!("assets/console.css"),
};

const SCRIPT: Asset = Asset {
    stem: "console",
    extension: "js",
    media_type: "text/javascript; charset=utf-8",
    text: include_str!("assets/console.js"),
};

impl Asset {
    fn url(&self) -> String {
        let digest = KeyDigest::from_key(self.text).to_hexadecimal();
        let digest = digest.get(..DIGEST_DIGITS).unwrap_or_default();
        format!("/console/assets/{}-{digest}.{}", self.stem, self.extension)
    }
}

/// The URL of the style sheet.
pub(super) fn style_url() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| STYLE.url());
    &URL
}

/// The URL of the script.
pub(super) fn script_url() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| SCRIPT.url());
    &URL
}

/// The file at this path, if there is one.
pub(super) fn at(path: &str) -> Option<HttpResponse> {
    let asset = match path {
        path if path == style_url() => STYLE,
        path if path == script_url() => SCRIPT,
        _ => return None,
    };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, asset.media_type));
    response.insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    Some(response.body(Bytes::from_static(asset.text.as_bytes())))
}
