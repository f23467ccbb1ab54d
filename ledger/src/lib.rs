//! leg-ledger
