//! What the crate promises to those who embed it.

#[cfg(test)]
mod accepts;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod filter;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod push_tokens;
#[cfg(test)]
mod refuses;
#[cfg(test)]
mod rendering;
#[cfg(test)]
mod server;
