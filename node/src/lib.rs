//! leg-node
