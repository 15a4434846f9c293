//! What a store promises, in thousands of orders in which its lanes, callers and readers may run.
//!
//! Shuttle runs one task at a time, and chooses the next one at each lock, atomic variable and
//! operation of the engine. It reports a deadlock, and the schedule that led to a failure. Half of
//! the schedules are random; half are by probabilistic concurrency testing, which finds bugs that
//! take a few unlikely switches.
//!
//!     cargo test -p profile-store --features model-check --test interleavings

#[cfg(test)]
mod confirmations;
#[cfg(test)]
mod lanes;
