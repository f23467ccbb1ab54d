//! What the members decide about themselves and the network (MARKET 2, 11): so far the rotation of a member's own keys.

mod rotate_key;

pub use rotate_key::{possession_message, rotate_key};

#[cfg(test)]
mod tests;
