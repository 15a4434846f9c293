//! JSON pointers (RFC 6901) into a body.

use std::fmt::Write;

use crate::limits;

/// A position in a body that is being read. The pointer is only written out for a violation.
#[derive(Clone, Copy)]
pub(crate) enum PointerPath<'p> {
    Root,
    Member(&'p PointerPath<'p>, &'p str),
    Element(&'p PointerPath<'p>, usize),
}

impl<'p> PointerPath<'p> {
    /// The position of the member `name` of the object here.
    pub(crate) const fn member(&'p self, name: &'p str) -> PointerPath<'p> {
        PointerPath::Member(self, name)
    }

    /// The position of an element of the array here.
    pub(crate) const fn element(&'p self, index: usize) -> PointerPath<'p> {
        PointerPath::Element(self, index)
    }

    /// The JSON pointer.
    pub(crate) fn to_pointer(self) -> String {
        let mut pointer = String::with_capacity(LIKELY_BYTES);
        self.write(&mut pointer);
        pointer
    }

    fn write(self, pointer: &mut String) {
        match self {
            PointerPath::Root => {}
            PointerPath::Member(parent, name) => {
                parent.write(pointer);
                push_member(pointer, name);
            }
            PointerPath::Element(parent, index) => {
                parent.write(pointer);
                // Writing to a string does not fail.
                let _ = write!(pointer, "/{index}");
            }
        }
    }
}

/// Longer than most pointers, so that few of them are moved while they are written.
const LIKELY_BYTES: usize = 64;

/// The pointer to the member `name` of the object at `base`.
pub(crate) fn pointer(base: &str, name: &str) -> String {
    let mut pointer = String::with_capacity(LIKELY_BYTES);
    pointer.push_str(base);
    push_member(&mut pointer, name);
    pointer
}

fn push_member(pointer: &mut String, name: &str) {
    pointer.push('/');
    let name = shortened(name);
    if !name.contains(['~', '/']) {
        return pointer.push_str(name);
    }
    for character in name.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(character),
        }
    }
}

/// The beginning of the caller's own text, as long as an answer may repeat it:
/// [`limits::ECHO_BYTES`] at most.
pub fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(limits::ECHO_BYTES);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_escape_slashes_and_tildes() {
        assert_eq!(pointer("/data", "a/b~c"), "/data/a~1b~0c");
    }

    #[test]
    fn a_path_is_written_as_its_pointer() {
        let data = PointerPath::Root.member("data");
        let name = data.member("a/b");
        assert_eq!(PointerPath::Root.to_pointer(), "");
        assert_eq!(name.element(3).to_pointer(), "/data/a~1b/3");
    }

    #[test]
    fn repeated_text_is_cut_at_a_character_boundary() {
        assert_eq!(shortened(&"é".repeat(40)).len(), 64);
        assert_eq!(shortened(&"€".repeat(40)).len(), 63);
    }
}
