//! What the store promises.

#[cfg(test)]
mod identity_md;
