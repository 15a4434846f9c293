//! A WebAssembly module that parses a body and renders the request or the error document: what an
//! edge worker links. `.ci/run` builds it with the profile `wasm` and limits its size.
//!
//! ```sh
//! cargo build -p profile-protocol-wasm --profile wasm --target wasm32-unknown-unknown
//! ```

use std::hint::black_box;

use profile_protocol::{ProfileEndpoint, ProfileRequest, Revision};

/// The status of the response, and its body or the body to send on.
fn answer(body: &[u8]) -> (u16, String) {
    let endpoint = ProfileEndpoint::Client;
    match ProfileRequest::parse_at(endpoint, body, Revision::LATEST) {
        Ok(request) => (202, request.to_json(endpoint)),
        Err(violations) => {
            let mut ids = 0..;
            let document = violations.to_document(|| ids.next().unwrap_or(0).to_string());
            (violations.class().status(), document.to_json())
        }
    }
}

fn main() {
    // The compiler knows neither the body nor the use of the answer, so it removes nothing.
    black_box(answer(black_box(b"{}")));
}
