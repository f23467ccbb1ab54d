//! The router against a real ledger that executes a block for each transaction, without network or store.

mod bad_input;
mod batch;
mod client;
mod conduct;
mod explain;
mod follow;
mod governance;
mod heartbeat;
mod heat;
mod idempotency;
mod life;
mod net;
mod reads;
mod sending;
mod storage;
