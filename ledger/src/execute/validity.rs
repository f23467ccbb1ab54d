//! Validity of a block at height h, judged on the state after h-1 (DESIGN, "Block, header, certificate").
//!
//! Time, proposer and creation round are the committee's business and are judged by `consensus`; all else is here. What a valid block's
//! transactions fail at becomes a receipt, never an invalid block.

use super::Ledger;
use crate::block::{Block, CertificateError, Header, transactions_root};
use crate::hash::Hash;
use crate::ids::{BlockId, ChainId, Height, MemberId, Nonce};
use crate::limits::MAX_BLOCK_TRANSACTIONS;
use crate::member::KeyRole;
use crate::params::ProtocolVersion;
use crate::signature::{Batch, PublicKey};
use crate::state::{Members, View};
use crate::time::BlockTime;
use crate::transaction::{FormError, SignedTransaction, Verified};

/// Why a transaction cannot be in the next block. The sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// Its form.
    #[error(transparent)]
    Form(#[from] FormError),
    /// Nobody of this name is registered.
    #[error("member {0} is not registered")]
    UnknownMember(MemberId),
    /// The member has no key in this role.
    #[error("member {member} has no {role:?} key")]
    NoKey {
        /// The member.
        member: MemberId,
        /// The role.
        role: KeyRole,
    },
    /// Its last valid height has passed.
    #[error("last valid height {last_valid} has passed; the next block is {next}")]
    Expired {
        /// Its last valid height.
        last_valid: Height,
        /// The next block's height.
        next: Height,
    },
    /// Its last valid height is more than 1 000 blocks ahead.
    #[error("last valid height {last_valid} is more than 1000 blocks ahead of block {next}")]
    TooFarAhead {
        /// Its last valid height.
        last_valid: Height,
        /// The next block's height.
        next: Height,
    },
    /// (signer, nonce) is used up.
    #[error("nonce {} of member {member} is used already", nonce.get())]
    Replayed {
        /// The signer.
        member: MemberId,
        /// The nonce.
        nonce: Nonce,
    },
    /// The signature does not verify with the registered key.
    #[error("the signature does not verify with the {role:?} key of member {member}")]
    Signature {
        /// The signer.
        member: MemberId,
        /// The role.
        role: KeyRole,
    },
}

/// Why a block is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A header field that follows from the parent is another.
    #[error("header field {field} is {theirs}, expected {ours}")]
    Header {
        /// The field.
        field: &'static str,
        /// What this node computes.
        ours: String,
        /// What the header says.
        theirs: String,
    },
    /// A root that follows from executing the history is another: either the proposer lies or one of the nodes diverged.
    #[error("header field {field} is {theirs}, this node has {ours}")]
    Root {
        /// The field.
        field: &'static str,
        /// What this node computed.
        ours: Hash,
        /// What the header says.
        theirs: Hash,
    },
    /// The time is not after the parent's.
    #[error("time {theirs} ms is not after the parent's {parent} ms")]
    Time {
        /// The parent's time.
        parent: u64,
        /// The header's.
        theirs: u64,
    },
    /// The parent certificate is missing, superfluous or of another block.
    #[error("the parent certificate is not of block {0}")]
    ParentCertificate(BlockId),
    /// The parent certificate proves nothing.
    #[error("the parent certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// More transactions or bytes than a block may have.
    #[error("{what}: {actual}, at most {limit}")]
    TooLarge {
        /// What is too much.
        what: &'static str,
        /// How much.
        actual: usize,
        /// How much is allowed.
        limit: usize,
    },
    /// A transaction that may not be in this block.
    #[error("transaction {index}: {cause}")]
    Transaction {
        /// Its index.
        index: usize,
        /// Why.
        cause: Inadmissible,
    },
    /// More transactions of one member than its quota.
    #[error("member {member} has {actual} transactions; at most {limit}")]
    Quota {
        /// The member.
        member: MemberId,
        /// How many.
        actual: u32,
        /// How many are allowed.
        limit: u32,
    },
}

impl Invalid {
    /// True where a certified block with this fault means that this node (or the committee) diverged: fatal, never a peer's lie.
    pub fn is_divergence(&self) -> bool {
        matches!(self, Invalid::Root { .. })
    }
}

/// What a proposer brings to a header; all else follows from the parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalFacts {
    /// Its clock, after the parent's time.
    pub time: BlockTime,
    /// The round it proposes in.
    pub creation_round: crate::ids::Round,
    /// Itself.
    pub proposer: MemberId,
    /// Hash of the parent certificate in the body, [`Hash::ZERO`] at height 1.
    pub parent_certificate: Hash,
    /// Commitments of the transactions, in order.
    pub commitments: Vec<Hash>,
}

impl Ledger {
    /// The header of a block on the tip.
    pub fn header(&self, facts: &ProposalFacts) -> Header {
        let height = self.next_height();
        let (current, next) = self.committee_hashes();
        Header {
            version: self.params().map_or(ProtocolVersion::V1, |p| p.version_at(height)),
            chain: self.chain(),
            height,
            time: facts.time,
            creation_round: facts.creation_round,
            proposer: facts.proposer,
            parent: self.tip().block,
            parent_certificate: facts.parent_certificate,
            transactions_root: transactions_root(facts.commitments.iter().copied()),
            state_root: self.tip().state_root,
            receipts_root: self.tip().receipts_root,
            history_root: self.tip().history_root,
            committee: current,
            next_committee: next,
        }
    }

    /// Whether the next block may include a transaction, its signature apart.
    ///
    /// # Errors
    /// [`Inadmissible`].
    pub fn admissible(&self, transaction: &SignedTransaction) -> Result<PublicKey, Inadmissible> {
        let body = &transaction.body;
        body.check_form(self.chain())?;
        let next = self.next_height();
        if !body.is_timely(next) {
            let last_valid = body.last_valid;
            let expired = last_valid < next;
            return Err(if expired { Inadmissible::Expired { last_valid, next } } else { Inadmissible::TooFarAhead { last_valid, next } });
        }
        let member = self.state().get::<Members>(&body.signer).ok_or(Inadmissible::UnknownMember(body.signer))?;
        let key = member.keys.signer(body.role).ok_or(Inadmissible::NoKey { member: body.signer, role: body.role })?;
        if self.replay().contains(body.signer, body.nonce) {
            return Err(Inadmissible::Replayed { member: body.signer, nonce: body.nonce });
        }
        Ok(key)
    }

    /// Verifies signatures with the keys of the state after the tip, in one batch; those that `known` says were verified before, by
    /// (commitment to body and signature, key), are not verified again. May be called on slices of a block in parallel.
    ///
    /// # Errors
    /// [`Invalid::Transaction`] for the first transaction that is inadmissible or whose signature does not verify.
    pub fn verify_transactions(
        &self,
        transactions: &[SignedTransaction],
        known: &(dyn Fn(&Hash, &PublicKey) -> bool + Sync),
    ) -> Result<Vec<Verified>, Invalid> {
        let mut out = Vec::with_capacity(transactions.len());
        let mut batch = Batch::new();
        let mut fresh = Vec::new();
        for (index, transaction) in transactions.iter().enumerate() {
            let failed = |cause| Invalid::Transaction { index, cause };
            let key = self.admissible(transaction).map_err(failed)?;
            let verified = transaction.with_checked_form(key).map_err(|form| failed(Inadmissible::Form(form)))?;
            if !known(&verified.commitment(), &key) {
                batch.push(&key, &verified.message(), &transaction.signature);
                fresh.push(index);
            }
            out.push(verified);
        }
        if batch.verify().is_ok() {
            return Ok(out);
        }
        for index in fresh {
            let Some(verified) = out.get(index) else { continue };
            if verified.key().verify(&verified.message(), &verified.transaction().signature).is_err() {
                return Err(Invalid::Transaction { index, cause: bad_signature(verified.transaction()) });
            }
        }
        // Single and batch always agree under ZIP-215, so this is not reached; refusing is the safe side.
        Err(Invalid::TooLarge { what: "unverifiable signatures", actual: transactions.len(), limit: 0 })
    }

    /// Checks a block on the tip. `verified` MUST be its transactions in order, each verified with the key that it names.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn check_block(&self, block: &Block, verified: &[Verified]) -> Result<(), Invalid> {
        for (index, transaction) in verified.iter().enumerate() {
            let key = self.admissible(transaction.transaction()).map_err(|cause| Invalid::Transaction { index, cause })?;
            if key != transaction.key() {
                return Err(Invalid::Transaction { index, cause: bad_signature(transaction.transaction()) });
            }
        }
        self.check_admitted(block, verified)
    }

    /// [`Ledger::check_block`] for transactions that were found admissible at this very tip: `verified` MUST be those of the block in
    /// order, as [`Ledger::verify_transactions`] returned them, or each of them [`Ledger::admissible`] with its key.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn check_admitted(&self, block: &Block, verified: &[Verified]) -> Result<(), Invalid> {
        self.check_header(&block.header)?;
        self.check_parent_certificate(block)?;
        self.check_caps(block)?;
        let ours = transactions_root(verified.iter().map(Verified::commitment));
        let theirs = block.header.transactions_root;
        let same = verified.len() == block.body.transactions.len() && ours == theirs;
        if !same {
            return Err(Invalid::Header { field: "transactions_root", ours: ours.to_string(), theirs: theirs.to_string() });
        }
        self.check_shares(verified)
    }

    /// Each (signer, nonce) once, and no member above its quota.
    fn check_shares(&self, verified: &[Verified]) -> Result<(), Invalid> {
        let limit = self.params().map_or(0, |p| p.max_member_transactions);
        let mut places: Vec<(MemberId, Nonce, usize)> =
            verified.iter().enumerate().map(|(index, t)| (t.body().signer, t.body().nonce, index)).collect();
        places.sort_unstable();
        let twice = places.iter().zip(places.iter().skip(1)).filter(|(a, b)| (a.0, a.1) == (b.0, b.1)).map(|(_, later)| later);
        if let Some((member, nonce, index)) = twice.min_by_key(|(_, _, index)| *index).copied() {
            return Err(Invalid::Transaction { index, cause: Inadmissible::Replayed { member, nonce } });
        }
        for of_member in places.chunk_by(|a, b| a.0 == b.0) {
            let actual = u32::try_from(of_member.len()).unwrap_or(u32::MAX);
            if let Some((member, ..)) = of_member.first().filter(|_| actual > limit) {
                return Err(Invalid::Quota { member: *member, actual, limit });
            }
        }
        Ok(())
    }

    /// Checks a header against what follows from the parent: everything but time drift, proposer, creation round and transactions root.
    ///
    /// # Errors
    /// [`Invalid::Header`], [`Invalid::Root`] or [`Invalid::Time`].
    pub fn check_header(&self, header: &Header) -> Result<(), Invalid> {
        let ours = self.header(&ProposalFacts {
            time: header.time,
            creation_round: header.creation_round,
            proposer: header.proposer,
            parent_certificate: header.parent_certificate,
            commitments: Vec::new(),
        });
        fn same<T: PartialEq + ToString>(field: &'static str, ours: T, theirs: T) -> Result<(), Invalid> {
            if ours == theirs { Ok(()) } else { Err(Invalid::Header { field, ours: ours.to_string(), theirs: theirs.to_string() }) }
        }
        same("version", ours.version.get(), header.version.get())?;
        same("chain", ours.chain, header.chain)?;
        same("height", ours.height, header.height)?;
        same("parent", ours.parent, header.parent)?;
        let roots = [
            ("state_root", ours.state_root, header.state_root),
            ("receipts_root", ours.receipts_root, header.receipts_root),
            ("history_root", ours.history_root, header.history_root),
            ("committee", ours.committee, header.committee),
            ("next_committee", ours.next_committee, header.next_committee),
        ];
        for (field, ours, theirs) in roots {
            if ours != theirs {
                return Err(Invalid::Root { field, ours, theirs });
            }
        }
        if header.time <= self.tip().time {
            return Err(Invalid::Time { parent: self.tip().time.ms(), theirs: header.time.ms() });
        }
        Ok(())
    }

    fn check_parent_certificate(&self, block: &Block) -> Result<(), Invalid> {
        let parent = self.tip().block;
        let wrong = Invalid::ParentCertificate(parent);
        match &block.body.parent_certificate {
            None if self.tip().height == Height::GENESIS && block.header.parent_certificate == Hash::ZERO => Ok(()),
            None => Err(wrong),
            Some(certificate) => {
                let fits = certificate.block == parent
                    && certificate.height == self.tip().height
                    && self.tip().height != Height::GENESIS
                    && certificate.hash() == block.header.parent_certificate;
                let committee = self.committee(self.tip().height).filter(|_| fits).ok_or(wrong)?;
                certificate.verify(self.chain(), committee).map_err(Invalid::Certificate)
            }
        }
    }

    fn check_caps(&self, block: &Block) -> Result<(), Invalid> {
        let count = block.body.transactions.len();
        if count > MAX_BLOCK_TRANSACTIONS {
            return Err(Invalid::TooLarge { what: "transactions", actual: count, limit: MAX_BLOCK_TRANSACTIONS });
        }
        let limit = self.params().map_or(0, |p| usize::try_from(p.max_block_bytes).unwrap_or(0));
        let limit = limit.min(crate::limits::HARD_BLOCK_BYTES);
        let bytes = block.encoded_len();
        if bytes > limit { Err(Invalid::TooLarge { what: "block bytes", actual: bytes, limit }) } else { Ok(()) }
    }
}

fn bad_signature(transaction: &SignedTransaction) -> Inadmissible {
    Inadmissible::Signature { member: transaction.body.signer, role: transaction.body.role }
}

/// A chain id as the block id that height 1 names as its parent.
pub fn genesis_parent(chain: ChainId) -> BlockId {
    BlockId::from_hash(chain.hash())
}
