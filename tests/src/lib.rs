//! leg-tests
