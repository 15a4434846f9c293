//! Writes JSON text without building a tree.

use std::fmt::Write;

/// A name that a member may have: one of the grammar, or one that a request holds.
pub(crate) trait MemberName: Copy {
    fn as_str(&self) -> &str;
}

/// Writes the members of one object.
pub(crate) struct ObjectWriter<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> ObjectWriter<'o> {
    pub(crate) fn open(out: &'o mut String) -> ObjectWriter<'o> {
        out.push('{');
        ObjectWriter { out, empty: true }
    }

    pub(crate) fn close(self) {
        self.out.push('}');
    }

    /// Writes a member whose value is JSON already.
    pub(crate) fn raw(&mut self, name: impl MemberName, json: &str) {
        self.name(name.as_str()).push_str(json);
    }

    pub(crate) fn text(&mut self, name: impl MemberName, text: &str) {
        write_text(text, self.name(name.as_str()));
    }

    pub(crate) fn object(
        &mut self,
        name: impl MemberName,
        write: impl FnOnce(&mut ObjectWriter<'_>),
    ) {
        let mut object = ObjectWriter::open(self.name(name.as_str()));
        write(&mut object);
        object.close();
    }

    /// Writes an object, unless it has no member.
    pub(crate) fn object_unless_empty(
        &mut self,
        name: impl MemberName,
        write: impl FnOnce(&mut ObjectWriter<'_>),
    ) {
        let (length, was_empty) = (self.out.len(), self.empty);
        let mut object = ObjectWriter::open(self.name(name.as_str()));
        write(&mut object);
        let empty = object.empty;
        object.close();
        if empty {
            self.out.truncate(length);
            self.empty = was_empty;
        }
    }

    pub(crate) fn array(
        &mut self,
        name: impl MemberName,
        write: impl FnOnce(&mut ArrayWriter<'_>),
    ) {
        let out = self.name(name.as_str());
        out.push('[');
        write(&mut ArrayWriter { out, empty: true });
        out.push(']');
    }

    fn name(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        write_text(name, self.out);
        self.out.push(':');
        self.out
    }
}

/// Writes the elements of one array.
pub(crate) struct ArrayWriter<'o> {
    out: &'o mut String,
    empty: bool,
}

impl ArrayWriter<'_> {
    /// Writes an element that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) {
        self.element().push_str(json);
    }

    pub(crate) fn text(&mut self, text: &str) {
        write_text(text, self.element());
    }

    fn element(&mut self) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out
    }
}

/// Writes a string, with no more escapes than JSON requires.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    // Without a branch for each byte, the compiler looks at many of them at a time.
    if text.bytes().fold(false, |found, byte| found | needs_escape(byte)) {
        text.chars().for_each(|char| write_char(char, out));
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\')
}

fn write_char(char: char, out: &mut String) {
    match char {
        '"' => out.push_str(r#"\""#),
        '\\' => out.push_str(r"\\"),
        '\u{8}' => out.push_str(r"\b"),
        '\t' => out.push_str(r"\t"),
        '\n' => out.push_str(r"\n"),
        '\u{c}' => out.push_str(r"\f"),
        '\r' => out.push_str(r"\r"),
        '\0'..='\u{1f}' => {
            // Writing to a string does not fail.
            let _ = write!(out, r"\u{:04x}", u32::from(char));
        }
        _ => out.push(char),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl MemberName for &'static str {
        fn as_str(&self) -> &str {
            self
        }
    }

    #[test]
    fn an_empty_object_is_left_out_with_its_comma() {
        let mut json = String::new();
        let mut object = ObjectWriter::open(&mut json);
        object.object_unless_empty("a", |_| {});
        object.object_unless_empty("b", |b| b.object_unless_empty("c", |_| {}));
        object.text("d", "e");
        object.object_unless_empty("f", |f| f.array("g", |g| g.raw("1")));
        object.close();
        assert_eq!(json, r#"{"d":"e","f":{"g":[1]}}"#);
    }

    proptest! {
        #[test]
        fn strings_are_escaped_as_serde_json_escapes_them(
            text in r#"(\PC|[\x00-\x20"\\/\x7f\u{80}-\u{ffff}]){0,20}"#,
        ) {
            let mut written = String::new();
            write_text(&text, &mut written);
            prop_assert_eq!(written, serde_json::to_string(&text).unwrap());
        }
    }
}
