//! Members that sign with their own keys.

use leg_genesis::MemberSecrets;
use leg_ledger::ids::{ChainId, Height, MemberId, Nonce};
use leg_ledger::member::KeyRole;
use leg_ledger::transaction::{Action, SignedTransaction, TransactionBody};

/// Blocks that a transaction may wait: at the fastest pace a quarter of a minute.
const LIFETIME_BLOCKS: u64 = 300;

/// A member with its keys.
#[derive(Clone, Debug)]
pub struct Wallet {
    member: MemberId,
    secrets: MemberSecrets,
    chain: ChainId,
    nonce: u64,
}

impl Wallet {
    /// A wallet whose nonces start above those of an earlier run at `now_ms`.
    pub fn new(member: MemberId, secrets: MemberSecrets, chain: ChainId, now_ms: u64) -> Self {
        Wallet { member, secrets, chain, nonce: now_ms << 20 }
    }

    /// Whose it is.
    pub fn member(&self) -> MemberId {
        self.member
    }

    /// Signs actions on top of a height.
    pub fn sign(&mut self, role: KeyRole, tip: Height, actions: Vec<Action>) -> SignedTransaction {
        self.nonce += 1;
        let body = TransactionBody {
            version: 1,
            chain: self.chain,
            signer: self.member,
            role,
            nonce: Nonce::new(self.nonce),
            last_valid: tip.checked_add(LIFETIME_BLOCKS).unwrap_or(tip),
            atomic: false,
            actions,
        };
        body.sign(self.secrets.of(role))
    }
}
