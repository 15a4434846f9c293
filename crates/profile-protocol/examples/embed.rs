//! Reads one request body from standard input and says what was understood, or
//! everything that is wrong with it:
//!
//! ```sh
//! echo '{"data":{"type":"profile","attributes":{"email":"a@example.com"}}}' |
//!     cargo run -p profile-protocol --example embed
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::io::Read;

use profile_protocol::{ProfileRequest, Revision};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    match ProfileRequest::parse(&body, Revision::LATEST) {
        Ok(request) => println!("accepted: {request:#?}"),
        Err(violations) => {
            violations.iter().for_each(|v| println!("{} {}", v.pointer, v.fault));
        }
    }
    Ok(())
}
