//! Why a transaction was not admitted, with the stable code, safe message and field that API clients get.

use super::pool::{NoRoom, PoolError};
use leg_ledger::codec::CodecError;
use leg_ledger::execute::Inadmissible;
use leg_ledger::ids::TransactionId;
use leg_ledger::transaction::{FormError, VerifyError};

/// Why a transaction was not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The bytes are not those of a transaction.
    #[error("not a transaction: {0}")]
    Malformed(#[from] CodecError),
    /// The next block may not include it.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
    /// The same transaction is waiting already; nothing is lost.
    #[error("transaction {0} is waiting already")]
    Duplicate(TransactionId),
    /// Another transaction of the member waits with the same nonce.
    #[error("transaction {0} of the same member waits with this nonce; sign this one with another nonce")]
    NonceWaits(TransactionId),
    /// The member has as many transactions waiting as it may.
    #[error("the member has {transactions} transactions ({bytes} bytes) waiting, as many as it may; submit again when some are final")]
    MemberQuota {
        /// Its waiting transactions.
        transactions: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The mempool is full.
    #[error("the node has {transactions} transactions waiting, as many as fit; submit again later")]
    Full {
        /// All waiting transactions.
        transactions: usize,
    },
    /// More submissions wait to be verified than the node takes on.
    #[error("the node is busy verifying; submit again later")]
    Busy,
    /// So many signatures of the same peer's batch were bad that the rest was not looked at.
    #[error("dropped with a batch of bad signatures")]
    Unseen,
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Stopped,
}

impl AdmitError {
    /// Stable code for API clients.
    pub fn code(&self) -> &'static str {
        match self {
            AdmitError::Malformed(_) => "malformed_transaction",
            AdmitError::Inadmissible(cause) => match cause {
                Inadmissible::Form(_) => "invalid_form",
                Inadmissible::UnknownMember(_) => "unknown_member",
                Inadmissible::NoKey { .. } => "no_such_key",
                Inadmissible::Expired { .. } => "expired",
                Inadmissible::TooFarAhead { .. } => "too_far_ahead",
                Inadmissible::Replayed { .. } => "replayed",
                Inadmissible::Signature { .. } => "bad_signature",
            },
            AdmitError::Duplicate(_) => "duplicate",
            AdmitError::NonceWaits(_) => "nonce_waits",
            AdmitError::MemberQuota { .. } => "member_quota",
            AdmitError::Full { .. } => "mempool_full",
            AdmitError::Busy => "busy",
            AdmitError::Unseen => "unseen",
            AdmitError::Stopped => "stopped",
        }
    }

    /// The field of the transaction that is at fault, where it is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            AdmitError::Malformed(_) => Some("transaction"),
            AdmitError::Inadmissible(cause) => Some(match cause {
                Inadmissible::Form(FormError::Version(_)) => "version",
                Inadmissible::Form(FormError::Chain(_)) => "chain",
                Inadmissible::Form(FormError::TooLong(_)) => "transaction",
                Inadmissible::Form(FormError::Actions(_) | FormError::List { .. }) => "actions",
                Inadmissible::Form(FormError::Role { .. }) | Inadmissible::NoKey { .. } => "role",
                Inadmissible::UnknownMember(_) => "signer",
                Inadmissible::Expired { .. } | Inadmissible::TooFarAhead { .. } => "last_valid",
                Inadmissible::Replayed { .. } => "nonce",
                Inadmissible::Signature { .. } => "signature",
            }),
            AdmitError::NonceWaits(_) => Some("nonce"),
            _ => None,
        }
    }

    /// True where the same transaction can be submitted again later, unchanged.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            AdmitError::MemberQuota { .. } | AdmitError::Full { .. } | AdmitError::Busy | AdmitError::Unseen | AdmitError::Stopped
        )
    }

    /// True where an honest peer would not have passed it on: it is charged to the peer that delivered it. What depends on how far a node
    /// has followed the chain (expiry, replay, registry) is nobody's fault.
    pub fn is_deliverers_fault(&self) -> bool {
        matches!(
            self,
            AdmitError::Malformed(_)
                | AdmitError::Inadmissible(Inadmissible::Form(_) | Inadmissible::Signature { .. })
                | AdmitError::Unseen
        )
    }

    pub(super) fn of_pool(id: TransactionId, error: PoolError) -> Self {
        match error {
            PoolError::Duplicate => AdmitError::Duplicate(id),
            PoolError::NonceWaits(other) => AdmitError::NonceWaits(other),
            PoolError::NoRoom(error) => AdmitError::from(error),
        }
    }
}

/// Also of one that was turned away before anything of it was verified.
impl From<NoRoom> for AdmitError {
    fn from(error: NoRoom) -> Self {
        match error {
            NoRoom::MemberQuota { transactions, bytes } => AdmitError::MemberQuota { transactions, bytes },
            NoRoom::Full { transactions } => AdmitError::Full { transactions },
        }
    }
}

/// For `assume_verified`, which only ever fails on the form.
impl From<VerifyError> for AdmitError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Form(form) => AdmitError::Inadmissible(Inadmissible::Form(form)),
            VerifyError::Signature(_) => AdmitError::Unseen,
        }
    }
}
