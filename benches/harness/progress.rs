//! Progress lines, printed while the table is being measured.

/// Prints one line.
pub(crate) fn print(text: &str) {
    println!("{text}");
}
