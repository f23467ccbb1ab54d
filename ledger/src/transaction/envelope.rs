//! The signed envelope, its id, and verification that happens once: [`SignedTransaction`] becomes [`Verified`].

use super::{Action, HeatSelection, RetireHeat};
use crate::codec;
use crate::hash::{Domain, Hash};
use crate::ids::{ChainId, Height, MemberId, Nonce, TransactionId};
use crate::limits::{
    MAX_ACTIONS, MAX_CHUNK_PROOFS, MAX_HEAT_PARTS, MAX_LIFETIME, MAX_READINGS, MAX_SETTLEMENT_METHODS, MAX_SLICE_BYTES,
    MAX_TRANSACTION_BYTES,
};
use crate::member::KeyRole;
use crate::signature::{PublicKey, SecretKey, Signature, SignatureError, signing_bytes};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionBody {
    /// Format of the body; 1.
    pub version: u16,
    /// The network.
    pub chain: ChainId,
    /// Who signs.
    pub signer: MemberId,
    /// With which of its keys: Operator or Meter.
    pub role: KeyRole,
    /// Used once by the signer while the transaction could be valid.
    pub nonce: Nonce,
    /// Last height whose block may include it; at most [`MAX_LIFETIME`] ahead of that block.
    pub last_valid: Height,
    /// All actions are admitted or none (admission, not fills).
    pub atomic: bool,
    /// 1 to 256 actions, executed in this order.
    pub actions: Vec<Action>,
}

/// A body with its signature; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// What is signed.
    pub body: TransactionBody,
    /// By the key that the registry holds for (signer, role).
    pub signature: Signature,
}

/// Why the form of a transaction is invalid, whatever the state. The sender's fault: such a transaction is never in a valid block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Unknown version of the body's format.
    #[error("transaction version {0} is not known")]
    Version(u16),
    /// Signed for another network.
    #[error("signed for network {0}")]
    Chain(ChainId),
    /// No action, or more than 256.
    #[error("{0} actions; 1 to {MAX_ACTIONS} are allowed")]
    Actions(usize),
    /// More bytes than a transaction may have.
    #[error("{0} bytes; at most {MAX_TRANSACTION_BYTES} are allowed")]
    TooLong(usize),
    /// The role's key does not sign transactions, or not this action.
    #[error("the {role:?} key does not sign action {action}")]
    Role {
        /// The role.
        role: KeyRole,
        /// Index of the action.
        action: usize,
    },
    /// A list in an action is longer than its limit.
    #[error("a list in action {action} has {length} entries")]
    List {
        /// Index of the action.
        action: usize,
        /// Entries.
        length: usize,
    },
}

impl TransactionBody {
    /// The transaction's id.
    pub fn id(&self) -> TransactionId {
        TransactionId::from_hash(Hash::of(Domain::Transaction, &codec::encode(self)))
    }

    /// Signs the body.
    pub fn sign(self, key: &SecretKey) -> SignedTransaction {
        let signature = key.sign(&message(self.id()));
        SignedTransaction { body: self, signature }
    }

    /// Checks what needs no state.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn check_form(&self, chain: ChainId) -> Result<(), FormError> {
        if self.version != 1 {
            return Err(FormError::Version(self.version));
        }
        if self.chain != chain {
            return Err(FormError::Chain(self.chain));
        }
        if self.actions.is_empty() || self.actions.len() > MAX_ACTIONS {
            return Err(FormError::Actions(self.actions.len()));
        }
        for (index, action) in self.actions.iter().enumerate() {
            let meter = matches!(action, Action::CompleteTrade(_) | Action::SubmitReadings { .. });
            let wanted = if meter { KeyRole::Meter } else { KeyRole::Operator };
            if self.role != wanted {
                return Err(FormError::Role { role: self.role, action: index });
            }
            check_lists(index, action)?;
        }
        Ok(())
    }

    /// True if a block at `height` may include it, as far as its expiry goes: expiry in [height, height + 1000].
    pub fn is_timely(&self, height: Height) -> bool {
        let latest = height.checked_add(MAX_LIFETIME).unwrap_or(height);
        self.last_valid >= height && self.last_valid <= latest
    }
}

fn check_lists(action: usize, value: &Action) -> Result<(), FormError> {
    let (length, limit) = match value {
        Action::PlaceOrder(order) => (order.settlement.len(), MAX_SETTLEMENT_METHODS),
        Action::CompleteTrade(done) => (done.delivered.len().max(done.heat.len()).max(done.readings.len()), MAX_READINGS),
        Action::SubmitReadings { readings } => (readings.len(), MAX_READINGS),
        Action::ForecastSolar { slots } => (slots.len(), MAX_READINGS),
        Action::ProveStorage(proof) => {
            let longest = proof.chunks.iter().map(|chunk| chunk.slice.len()).max().unwrap_or(0);
            if longest > MAX_SLICE_BYTES { (longest, MAX_SLICE_BYTES) } else { (proof.chunks.len(), MAX_CHUNK_PROOFS) }
        }
        Action::ReportSolar { slots, .. } => (slots.len(), MAX_READINGS),
        Action::ReportGridLevel { levels, .. } => (levels.len(), MAX_READINGS),
        Action::TransferHeat { heat: HeatSelection::Parts(parts), .. } => (parts.len(), MAX_HEAT_PARTS),
        Action::RetireHeat(RetireHeat { heat: HeatSelection::Parts(parts), .. }) => (parts.len(), MAX_HEAT_PARTS),
        _ => (0, 0),
    };
    if length > limit { Err(FormError::List { action, length }) } else { Ok(()) }
}

/// The bytes that a signer signs for a transaction id.
fn message(id: TransactionId) -> Vec<u8> {
    signing_bytes(Domain::Transaction, id.hash().as_bytes())
}

/// A transaction whose form was checked and whose signature was verified against `key`, once.
///
/// That `key` is the signer's key in the state after h-1 is a question of the block's validity, asked again for each block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    inner: Arc<VerifiedInner>,
}

#[derive(Debug, PartialEq, Eq)]
struct VerifiedInner {
    transaction: SignedTransaction,
    id: TransactionId,
    commitment: Hash,
    key: PublicKey,
    encoded_len: usize,
}

impl SignedTransaction {
    /// The transaction's id.
    pub fn id(&self) -> TransactionId {
        self.body.id()
    }

    /// What the block's transactions root commits to: body and signature.
    pub fn commitment(&self) -> Hash {
        Hash::of(Domain::SignedTransaction, &codec::encode(self))
    }

    /// The bytes that were signed.
    pub fn message(&self) -> Vec<u8> {
        message(self.id())
    }

    /// Checks form and signature.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(self, chain: ChainId, key: PublicKey) -> Result<Verified, VerifyError> {
        self.body.check_form(chain)?;
        key.verify(&self.message(), &self.signature)?;
        self.assume_verified(chain, key)
    }

    /// For callers that verified `(message, key, signature)` in a [`crate::signature::Batch`] or found it in their cache of
    /// verified (body, key, signature) triples. Checks the form; the caller MUST have verified the signature.
    ///
    /// # Errors
    /// [`VerifyError::Form`].
    pub fn assume_verified(self, chain: ChainId, key: PublicKey) -> Result<Verified, VerifyError> {
        self.body.check_form(chain)?;
        let encoded = codec::encode(&self);
        if encoded.len() > MAX_TRANSACTION_BYTES {
            return Err(FormError::TooLong(encoded.len()).into());
        }
        let commitment = Hash::of(Domain::SignedTransaction, &encoded);
        let id = self.id();
        Ok(Verified { inner: Arc::new(VerifiedInner { transaction: self, id, commitment, key, encoded_len: encoded.len() }) })
    }
}

/// Why a signed transaction was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The form.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Verified {
    /// The transaction.
    pub fn transaction(&self) -> &SignedTransaction {
        &self.inner.transaction
    }

    /// Its body.
    pub fn body(&self) -> &TransactionBody {
        &self.inner.transaction.body
    }

    /// Its id.
    pub fn id(&self) -> TransactionId {
        self.inner.id
    }

    /// Hash of body and signature.
    pub fn commitment(&self) -> Hash {
        self.inner.commitment
    }

    /// The bytes that were signed.
    pub fn message(&self) -> Vec<u8> {
        message(self.inner.id)
    }

    /// The key that verified it.
    pub fn key(&self) -> PublicKey {
        self.inner.key
    }

    /// Bytes of the encoded signed transaction.
    pub fn encoded_len(&self) -> usize {
        self.inner.encoded_len
    }
}
