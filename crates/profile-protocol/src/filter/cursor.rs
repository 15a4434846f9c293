//! The words of a filter, each with its offset.

use std::borrow::Cow;

use super::{
    escape::unescape,
    fault::{FilterFault, InvalidFilter},
};

/// What of a text is still to be read.
pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
}

/// A name, or what stands where one belongs.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) offset: usize,
    pub(super) text: &'a str,
}

/// A value.
pub(super) struct Literal<'a> {
    pub(super) offset: usize,
    pub(super) text: Cow<'a, str>,
    /// Whether it stood in quotes.
    pub(super) quoted: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, offset: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    /// Where the next word begins, or the end.
    pub(super) fn offset(&mut self) -> usize {
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start().len();
        self.offset
    }

    /// As much as may be of a name.
    pub(super) fn word(&mut self) -> Word<'a> {
        let offset = self.offset();
        let ends = |char: char| char.is_whitespace() || "()[],'\"\\".contains(char);
        Word { offset, text: self.until(ends) }
    }

    /// A name that may stand in quotes.
    pub(super) fn name(&mut self) -> Result<Word<'a>, InvalidFilter> {
        for quote in ['"', '\''] {
            let offset = self.offset();
            if self.take(quote) {
                let text = self.until(|char| char == quote);
                return if self.rest().starts_with(quote) {
                    self.offset += quote.len_utf8();
                    Ok(Word { offset, text })
                } else {
                    Err(InvalidFilter { offset, fault: FilterFault::Unclosed })
                };
            }
        }
        Ok(self.word())
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let text = rest.find(ends).map_or(rest, |end| rest.get(..end).unwrap_or_default());
        self.offset += text.len();
        text
    }

    /// Takes this mark, if it comes next.
    pub(super) fn take(&mut self, mark: char) -> bool {
        self.offset();
        let comes = self.rest().starts_with(mark);
        self.offset += if comes { mark.len_utf8() } else { 0 };
        comes
    }

    /// Takes this mark, which has to come next; in words, what belongs there.
    pub(super) fn expect(
        &mut self,
        mark: char,
        expected: &'static str,
    ) -> Result<(), InvalidFilter> {
        if self.take(mark) { Ok(()) } else { Err(self.missing(expected)) }
    }

    /// That something else belongs here.
    pub(super) fn missing(&mut self, expected: &'static str) -> InvalidFilter {
        InvalidFilter { offset: self.offset(), fault: FilterFault::Expected { expected } }
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.offset() == self.text.len()
    }

    /// A value: text in quotes, or whatever stands without them before the next
    /// mark.
    pub(super) fn literal(&mut self) -> Result<Literal<'a>, InvalidFilter> {
        for quote in ['"', '\''] {
            let offset = self.offset();
            if self.take(quote) {
                let text = self.quoted(quote, offset)?;
                return Ok(Literal { offset, text, quoted: true });
            }
        }
        let offset = self.offset();
        let text = self.until(|char| "()[],'\"".contains(char)).trim_end();
        if text.is_empty() {
            return Err(self.missing("a value"));
        }
        Ok(Literal { offset, text: text.into(), quoted: false })
    }

    /// What stands before the closing quote, borrowed where nothing is escaped.
    fn quoted(&mut self, quote: char, opened: usize) -> Result<Cow<'a, str>, InvalidFilter> {
        let mut text = Cow::Borrowed("");
        loop {
            let plain = self.until(|char| char == quote || char == '\\');
            if text.is_empty() {
                text = Cow::Borrowed(plain);
            } else {
                text.to_mut().push_str(plain);
            }
            if let Some(rest) = self.rest().strip_prefix('\\') {
                let fault = InvalidFilter { offset: self.offset, fault: FilterFault::Escape };
                let (escaped, bytes) = unescape(rest).ok_or(fault)?;
                text.to_mut().push(escaped);
                self.offset += 1 + bytes;
            } else if self.rest().starts_with(quote) {
                self.offset += quote.len_utf8();
                return Ok(text);
            } else {
                return Err(InvalidFilter { offset: opened, fault: FilterFault::Unclosed });
            }
        }
    }
}
