//! leg-genesis
