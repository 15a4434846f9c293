//! Fills the store of a running gateway over HTTP, whatever layout it stores.

use std::{
    io,
    net::SocketAddr,
    ops::Range,
    sync::{Mutex, PoisonError},
    thread,
};

use crate::{
    client::{self, HttpClient, RETRY_AFTER},
    clock,
    error::{ErrorContext, HarnessError},
    figures, hostile, limits,
    people::{self, VERSION},
    progress,
};

/// Stores these people of the first company.
pub(crate) fn people(to: SocketAddr, numbers: Range<u64>) -> Result<(), HarnessError> {
    fill("people", to, numbers.map(|number| to_company(0, &people::customer(number, VERSION))))
}

/// Stores these people of the first company, each with a property of 8 KB.
pub(crate) fn rich_people(to: SocketAddr, numbers: Range<u64>) -> Result<(), HarnessError> {
    let bodies = numbers.map(people::rich_customer);
    fill("people with 8 KB each", to, bodies.map(|body| to_company(0, &body)))
}

/// Stores these visitors, who have no identifier but a device.
pub(crate) fn visitors(to: SocketAddr, numbers: Range<u64>) -> Result<(), HarnessError> {
    fill("visitors", to, numbers.map(|number| to_company(0, &people::visitor(number))))
}

/// Stores these large profiles of the company that attacks.
pub(crate) fn large_profiles(to: SocketAddr, numbers: Range<u64>) -> Result<(), HarnessError> {
    let bodies = numbers.flat_map(|number| {
        (0..limits::LARGE_PARTS).map(move |part| hostile::part_of_large_profile(number, part))
    });
    let requests = bodies.map(|body| to_company(people::ATTACKER, &body));
    fill("parts of large profiles", to, requests)
}

fn to_company(company: u64, body: &str) -> Vec<u8> {
    let target = format!("/client/profiles/?company_id={}", people::company(company));
    client::post(&target, "", body.as_bytes())
}

/// Sends all requests, and fails unless every one is answered 202 in the end.
fn fill(
    what: &str,
    to: SocketAddr,
    requests: impl Iterator<Item = Vec<u8>> + Send,
) -> Result<(), HarnessError> {
    let began = clock::now();
    let requests = Mutex::new(requests);
    let sent = thread::scope(|scope| {
        let connections: Vec<_> = (0..limits::PRELOAD_CONNECTIONS)
            .map(|_| scope.spawn(|| send_from(to, &requests)))
            .collect();
        connections.into_iter().try_fold(0, |sent, connection| {
            let more = connection.join().unwrap_or_else(|_| Err(panicked()))?;
            Ok(sent + more)
        })
    });
    let sent = sent?;
    let rate = figures::per_second(figures::rate(sent, began.elapsed()));
    progress::print(&format!("  sent {sent} {what} in {} s ({rate})", began.elapsed().as_secs()));
    Ok(())
}

fn panicked() -> HarnessError {
    HarnessError::new("a thread that fills the store panicked")
}

/// Sends requests over one connection until there are no more. Returns how many it sent.
fn send_from(
    to: SocketAddr,
    requests: &Mutex<impl Iterator<Item = Vec<u8>>>,
) -> Result<u64, HarnessError> {
    let mut connection = None;
    let mut sent = 0;
    loop {
        let chunk: Vec<Vec<u8>> = {
            let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
            requests.by_ref().take(limits::PRELOAD_CHUNK).collect()
        };
        if chunk.is_empty() {
            return Ok(sent);
        }
        for request in &chunk {
            store(to, &mut connection, request)?;
            sent += 1;
        }
    }
}

/// Sends a request until it is stored. A gateway that is busy, or a company at its limit, takes it
/// later.
fn store(
    to: SocketAddr,
    connection: &mut Option<HttpClient>,
    request: &[u8],
) -> Result<(), HarnessError> {
    for _ in 0..limits::PRELOAD_RETRIES {
        match status(to, connection, request).while_doing("fill a store over HTTP")? {
            202 => return Ok(()),
            429 | 503 => thread::sleep(RETRY_AFTER),
            status => {
                let error = format!("a request that fills a store was answered {status}");
                return Err(HarnessError::new(error));
            }
        }
    }
    Err(HarnessError::new("a request that fills a store was refused again and again"))
}

fn status(to: SocketAddr, connection: &mut Option<HttpClient>, request: &[u8]) -> io::Result<u16> {
    let mut client = match connection.take() {
        Some(client) => client,
        None => HttpClient::connect(to)?,
    };
    let answer = client.exchange(request, &|| true)?;
    if !answer.closes {
        *connection = Some(client);
    }
    Ok(answer.status)
}
