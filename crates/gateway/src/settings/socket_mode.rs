//! Who may connect to a unix socket, by the mode of its file.

use std::{fmt, str::FromStr};

/// The mode of the file of a unix socket. Who may write to the file may connect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SocketMode(u32);

/// The owner and the group of the file may connect.
impl Default for SocketMode {
    fn default() -> SocketMode {
        SocketMode(0o660)
    }
}

impl SocketMode {
    /// The bits of the mode.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for SocketMode {
    type Err = InvalidSocketMode;

    fn from_str(text: &str) -> Result<SocketMode, InvalidSocketMode> {
        let digits = text.strip_prefix('0').filter(|rest| rest.len() == 3).unwrap_or(text);
        if digits.len() != 3 || !digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
            return Err(InvalidSocketMode);
        }
        u32::from_str_radix(digits, 8).map(SocketMode).or(Err(InvalidSocketMode))
    }
}

impl fmt::Display for SocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}

/// The text is not a [`SocketMode`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be the mode of a file as three octal digits, as in \"660\"")]
pub struct InvalidSocketMode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_three_octal_digits() {
        for (text, bits) in [("660", 0o660), ("0660", 0o660), ("777", 0o777), ("000", 0)] {
            assert_eq!(text.parse::<SocketMode>().map(SocketMode::bits), Ok(bits), "{text}");
        }
        for text in ["", "66", "6600", "668", "0o660", "+60", "-60", "00660", "1777", "u=rw"] {
            assert_eq!(text.parse::<SocketMode>(), Err(InvalidSocketMode), "{text}");
        }
        assert_eq!(SocketMode::default().to_string(), "660");
    }
}
