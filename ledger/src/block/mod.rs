//! Blocks as the committee signs them and light clients check them (DESIGN, "Block, header, certificate").
//!
//! ```text
//! Block { header, body { parent_certificate, transactions } }      id = blake3("header", header)
//! Certificate { height, round, block, signatures: [(member, signature)] } over (chain, height, round, block id)
//! ```

mod certificate;
mod committee;
mod header;
mod signers;

pub use certificate::{Certificate, CertificateError, CommitSignature, precommit_bytes};
pub use committee::{Committee, CommitteeError, CommitteeMember};
pub use header::{Block, Body, Header, transactions_root};
pub use signers::Signers;
