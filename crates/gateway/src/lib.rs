//! Who may ask, and how we answer.
