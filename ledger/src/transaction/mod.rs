//! What members sign: an envelope with replay protection around 1 to 256 actions (MARKET 2).
//!
//! ```text
//! SignedTransaction { body: TransactionBody { version, chain, signer, role, nonce, last_valid, atomic, actions }, signature }
//! id          = blake3("transaction", body)          the signature is not part of it
//! signature   over "leg ledger v1 transaction" 0x00 id
//! commitment  = blake3("signed transaction", body, signature)   what a block commits to
//! ```

mod action;
mod envelope;
mod governance;
mod storage;

pub use action::{
    Action, CompleteTrade, Constraints, CorrectReading, HeatPart, HeatPurpose, HeatSelection, Market, PlaceOrder, Pricing, Product,
    Reading, ReadingQuality, ReplaceOrder, Resource, RetireHeat, RotateKey, SettlementMethod, SettlementMethods, Side, TimeInForce,
};
pub use envelope::{FormError, Signed, SignedTransaction, TransactionBody, Verified, VerifyError};
pub use governance::{Change, KeyChange, NewMember, Propose, ProvenKey, Vote};
pub use storage::{AnnounceManifest, ChunkProof, ProveStorage, StorageManifest, StorageTier};
