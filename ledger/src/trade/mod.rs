//! A trade's life from the match to its settlement (MARKET 6).

mod open;

pub use open::{Match, open};
