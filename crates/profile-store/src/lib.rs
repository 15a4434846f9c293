//! Who is this, and what do we now know.
