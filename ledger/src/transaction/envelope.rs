//! The signed envelope, its id, and verification that happens once: [`SignedTransaction`] becomes [`Verified`].

use super::{Action, Change, HeatSelection, RetireHeat};
use crate::codec;
use crate::hash::{Domain, Hash};
use crate::ids::{ChainId, Height, MemberId, Nonce, TransactionId};
use crate::limits::{
    MAX_ACTIONS, MAX_CHUNK_PROOFS, MAX_COMMITTEE, MAX_HEAT_PARTS, MAX_LIFETIME, MAX_NETWORK_KEYS, MAX_READINGS, MAX_SLICE_BYTES,
    MAX_TRANSACTION_BYTES,
};
use crate::member::KeyRole;
use crate::signature::{PublicKey, SecretKey, Signature, SignatureError, signing_bytes};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

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
///
/// It never changes: a clone is a pointer to the same one, so that pool, block and execution share it, and its hashes are computed once,
/// when they are first asked for.
#[derive(Clone)]
pub struct SignedTransaction {
    inner: Arc<Inner>,
}

struct Inner {
    signed: Signed,
    /// A function of `signed`.
    seal: OnceLock<Seal>,
}

/// What a [`SignedTransaction`] consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// What is signed.
    pub body: TransactionBody,
    /// By the key that the registry holds for (signer, role).
    pub signature: Signature,
}

/// What follows from the bytes of a signed transaction.
#[derive(Clone, Copy)]
struct Seal {
    id: TransactionId,
    commitment: Hash,
    encoded_len: usize,
}

impl Seal {
    fn of(signed: &Signed) -> Self {
        let mut bytes = codec::encode(&signed.body);
        let id = body_id(&bytes);
        codec::encode_into(&signed.signature, &mut bytes);
        Seal { id, commitment: Hash::of(Domain::SignedTransaction, &bytes), encoded_len: bytes.len() }
    }
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
        body_id(&codec::encode(self))
    }

    /// Signs the body.
    pub fn sign(self, key: &SecretKey) -> SignedTransaction {
        let signature = key.sign(&message(self.id()));
        SignedTransaction::new(self, signature)
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
        Action::Propose(propose) => match &propose.change {
            Change::Join(member) => (member.network.len(), MAX_NETWORK_KEYS),
            Change::Keys(keys) => (keys.network.as_ref().map_or(0, Vec::len), MAX_NETWORK_KEYS),
            Change::Committee { members } => (members.len(), MAX_COMMITTEE),
            _ => (0, 0),
        },
        _ => (0, 0),
    };
    if length > limit { Err(FormError::List { action, length }) } else { Ok(()) }
}

/// The bytes that a signer signs for a transaction id.
fn message(id: TransactionId) -> Vec<u8> {
    signing_bytes(Domain::Transaction, id.hash().as_bytes())
}

fn body_id(bytes: &[u8]) -> TransactionId {
    TransactionId::from_hash(Hash::of(Domain::Transaction, bytes))
}

impl SignedTransaction {
    /// A body with a signature, verified by nobody.
    pub fn new(body: TransactionBody, signature: Signature) -> Self {
        SignedTransaction::from(Signed { body, signature })
    }

    fn seal(&self) -> &Seal {
        self.inner.seal.get_or_init(|| Seal::of(&self.inner.signed))
    }

    /// The transaction's id.
    pub fn id(&self) -> TransactionId {
        self.seal().id
    }

    /// What the block's transactions root commits to: body and signature.
    pub fn commitment(&self) -> Hash {
        self.seal().commitment
    }

    /// Bytes of the encoded signed transaction.
    pub fn encoded_len(&self) -> usize {
        self.seal().encoded_len
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
        let verified = self.assume_verified(chain, key)?;
        key.verify(&verified.message(), &verified.transaction().signature)?;
        Ok(verified)
    }

    /// For callers that verified `(message, key, signature)` in a [`crate::signature::Batch`] or found it in their cache of
    /// verified (body, key, signature) triples. Checks the form; the caller MUST have verified the signature.
    ///
    /// # Errors
    /// [`VerifyError::Form`].
    pub fn assume_verified(self, chain: ChainId, key: PublicKey) -> Result<Verified, VerifyError> {
        self.body.check_form(chain)?;
        self.check_len()?;
        Ok(Verified { transaction: self, key })
    }

    fn check_len(&self) -> Result<(), FormError> {
        let length = self.encoded_len();
        if length > MAX_TRANSACTION_BYTES { Err(FormError::TooLong(length)) } else { Ok(()) }
    }

    /// [`SignedTransaction::assume_verified`] for a transaction whose form was checked.
    pub(crate) fn with_checked_form(&self, key: PublicKey) -> Result<Verified, FormError> {
        self.check_len()?;
        Ok(Verified { transaction: self.clone(), key })
    }
}

impl From<Signed> for SignedTransaction {
    fn from(signed: Signed) -> Self {
        SignedTransaction { inner: Arc::new(Inner { signed, seal: OnceLock::new() }) }
    }
}

impl Deref for SignedTransaction {
    type Target = Signed;

    fn deref(&self) -> &Signed {
        &self.inner.signed
    }
}

impl PartialEq for SignedTransaction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.signed == other.inner.signed
    }
}

impl Eq for SignedTransaction {}

impl fmt::Debug for SignedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.signed.fmt(f)
    }
}

impl Serialize for SignedTransaction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.signed.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SignedTransaction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Signed::deserialize(deserializer).map(SignedTransaction::from)
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

/// A transaction whose form was checked and whose signature was verified against `key`, once.
///
/// That `key` is the signer's key in the state after h-1 is a question of the block's validity, asked again for each block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    transaction: SignedTransaction,
    key: PublicKey,
}

impl Verified {
    /// The transaction.
    pub fn transaction(&self) -> &SignedTransaction {
        &self.transaction
    }

    /// Its body.
    pub fn body(&self) -> &TransactionBody {
        &self.transaction.body
    }

    /// Its id.
    pub fn id(&self) -> TransactionId {
        self.transaction.id()
    }

    /// Hash of body and signature.
    pub fn commitment(&self) -> Hash {
        self.transaction.commitment()
    }

    /// The bytes that were signed.
    pub fn message(&self) -> Vec<u8> {
        self.transaction.message()
    }

    /// The key that verified it.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Bytes of the encoded signed transaction.
    pub fn encoded_len(&self) -> usize {
        self.transaction.encoded_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OrderId;

    #[test]
    fn what_is_remembered_of_a_transaction_follows_from_its_bytes() {
        let body = TransactionBody {
            version: 1,
            chain: ChainId::from_hash(Hash::of(Domain::Genesis, b"envelope")),
            signer: MemberId::parse("hub-01").unwrap(),
            role: KeyRole::Operator,
            nonce: Nonce::new(7),
            last_valid: Height::new(9),
            atomic: false,
            actions: vec![Action::CancelOrder { order: OrderId::from_hash(Hash::MAX) }],
        };
        let signed = body.clone().sign(&SecretKey::from_bytes(&[3; 32]));
        let bytes = codec::encode(&signed);
        assert_eq!(bytes, [codec::encode(&body), codec::encode(&signed.signature)].concat());
        assert_eq!(signed.id(), TransactionId::from_hash(Hash::of(Domain::Transaction, &codec::encode(&body))));
        assert_eq!(signed.commitment(), Hash::of(Domain::SignedTransaction, &bytes));
        assert_eq!(signed.encoded_len(), bytes.len());
        let other = SignedTransaction::new(body, Signature::from_bytes([0; 64]));
        assert_eq!(other.id(), signed.id());
        assert_ne!((other.commitment(), &other), (signed.commitment(), &signed));
        assert_eq!(codec::decode::<SignedTransaction>(&bytes, bytes.len()), Ok(signed));
    }
}
