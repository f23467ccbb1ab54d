//! Members and transactions for tests.

use super::LedgerView;
use leg_ledger::execute::Inadmissible;
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{ChainId, Height, MemberId, Nonce, OrderId};
use leg_ledger::member::KeyRole;
use leg_ledger::signature::{PublicKey, SecretKey, Signature};
use leg_ledger::transaction::{Action, SignedTransaction, TransactionBody, Verified};
use std::collections::HashMap;
use std::sync::Mutex;

pub(crate) fn chain() -> ChainId {
    ChainId::from_hash(Hash::of(Domain::Genesis, b"mempool tests"))
}

/// A member that signs.
#[derive(Clone)]
pub(crate) struct Hub {
    pub(crate) id: MemberId,
    secret: SecretKey,
}

impl Hub {
    pub(crate) fn new(number: u8) -> Self {
        let id = MemberId::parse(&format!("hub-{number:02}")).expect("a valid name");
        Hub { id, secret: SecretKey::from_bytes(&[number; 32]) }
    }

    pub(crate) fn key(&self) -> PublicKey {
        self.secret.public()
    }

    fn body(&self, nonce: u64, last_valid: u64, actions: usize) -> TransactionBody {
        let cancel = |i: usize| Action::CancelOrder { order: OrderId::from_hash(Hash::of(Domain::Order, &i.to_le_bytes())) };
        TransactionBody {
            version: 1,
            chain: chain(),
            signer: self.id,
            role: KeyRole::Operator,
            nonce: Nonce::new(nonce),
            last_valid: Height::new(last_valid),
            atomic: false,
            actions: (0..actions).map(cancel).collect(),
        }
    }

    /// A good transaction with one action, valid up to height 100.
    pub(crate) fn signed(&self, nonce: u64) -> SignedTransaction {
        self.signed_until(nonce, 100, 1)
    }

    pub(crate) fn signed_until(&self, nonce: u64, last_valid: u64, actions: usize) -> SignedTransaction {
        self.body(nonce, last_valid, actions).sign(&self.secret)
    }

    /// The body of [`Hub::signed`] with a signature that does not verify.
    pub(crate) fn forged(&self, nonce: u64) -> SignedTransaction {
        let good = self.signed(nonce);
        let mut bytes = *good.signature.as_bytes();
        bytes[0] ^= 1;
        SignedTransaction::new(good.body.clone(), Signature::from_bytes(bytes))
    }

    pub(crate) fn verified(&self, nonce: u64, last_valid: u64, actions: usize) -> Verified {
        self.signed_until(nonce, last_valid, actions).assume_verified(chain(), self.key()).expect("a valid form")
    }
}

/// A registry of members at a height, without replay window.
pub(crate) struct Registry {
    pub(crate) next: Height,
    pub(crate) keys: Mutex<HashMap<MemberId, PublicKey>>,
}

impl Registry {
    pub(crate) fn new(hubs: &[Hub]) -> Self {
        Registry { next: Height::new(1), keys: Mutex::new(hubs.iter().map(|hub| (hub.id, hub.key())).collect()) }
    }

    pub(crate) fn key(&self, transaction: &SignedTransaction) -> Result<PublicKey, Inadmissible> {
        let body = &transaction.body;
        body.check_form(chain())?;
        if body.last_valid < self.next {
            return Err(Inadmissible::Expired { last_valid: body.last_valid, next: self.next });
        }
        let keys = self.keys.lock().expect("not poisoned");
        keys.get(&body.signer).copied().ok_or(Inadmissible::UnknownMember(body.signer))
    }

    pub(crate) fn rotate(&self, member: MemberId, key: PublicKey) {
        self.keys.lock().expect("not poisoned").insert(member, key);
    }
}

impl LedgerView for Registry {
    fn chain(&self) -> ChainId {
        chain()
    }

    fn height(&self) -> Height {
        Height::new(self.next.get() - 1)
    }

    fn admissible(&self, transactions: &[&SignedTransaction]) -> Vec<Result<PublicKey, Inadmissible>> {
        transactions.iter().map(|transaction| self.key(transaction)).collect()
    }
}
