//! leg-consensus
