//! The waiting transactions as a pure data structure: no clock, no lock, no channel.
//!
//! Invariants, whatever the calls:
//! * never more than the caps of [`PoolLimits`], in total and per member;
//! * at most one transaction per (member, nonce): only one of several could ever be in a block;
//! * nothing is evicted: what was admitted stays until it is in a block, expires or becomes inadmissible.

use crate::chain::TakeBudget;
use leg_ledger::ids::{Height, MemberId, Nonce, TransactionId};
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, btree_map};

/// Caps of a pool. At a cap, further transactions are refused; those that wait stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions of all members.
    pub transactions: usize,
    /// Encoded bytes of all members.
    pub bytes: usize,
    /// Transactions of one member.
    pub member_transactions: usize,
    /// Encoded bytes of one member.
    pub member_bytes: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        PoolLimits { transactions: 65_536, bytes: 64 << 20, member_transactions: 8_192, member_bytes: 8 << 20 }
    }
}

/// Why a transaction does not enter the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The same body waits already.
    #[error("the transaction is waiting already")]
    Duplicate,
    /// Another transaction of the member waits with the same nonce.
    #[error("transaction {0} of the same member waits with this nonce")]
    NonceWaits(TransactionId),
    /// There is no room for it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// What there is no room in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The member's share is used up.
    #[error("the member has {transactions} transactions of {bytes} bytes waiting, as many as it may")]
    MemberQuota {
        /// Its waiting transactions.
        transactions: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The pool is full.
    #[error("{transactions} transactions wait, as many as fit")]
    Full {
        /// All waiting transactions.
        transactions: usize,
    },
}

#[derive(Debug)]
struct Entry {
    verified: Verified,
    local: Option<u64>,
}

#[derive(Debug, Default)]
struct Queue {
    by_nonce: BTreeMap<Nonce, TransactionId>,
    bytes: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Pool {
    limits: PoolLimits,
    entries: HashMap<TransactionId, Entry>,
    members: BTreeMap<MemberId, Queue>,
    expiry: BTreeSet<(Height, TransactionId)>,
    bytes: usize,
    takes: usize,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Pool { limits, entries: HashMap::new(), members: BTreeMap::new(), expiry: BTreeSet::new(), bytes: 0, takes: 0 }
    }

    /// Waiting transactions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Their encoded bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Waiting transactions of a member.
    pub fn member_len(&self, member: MemberId) -> usize {
        self.members.get(&member).map_or(0, |queue| queue.by_nonce.len())
    }

    /// A waiting transaction.
    pub fn get(&self, id: &TransactionId) -> Option<&Verified> {
        self.entries.get(id).map(|entry| &entry.verified)
    }

    /// The waiting transaction with this body and this signature. Costs no hash.
    pub fn find(&self, transaction: &SignedTransaction) -> Option<&Verified> {
        let id = self.members.get(&transaction.body.signer)?.by_nonce.get(&transaction.body.nonce)?;
        self.get(id).filter(|waiting| waiting.transaction() == transaction)
    }

    /// Whether [`Pool::insert`] would accept a transaction of these properties.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn check(&self, id: &TransactionId, member: MemberId, nonce: Nonce, encoded_len: usize) -> Result<(), PoolError> {
        if self.entries.contains_key(id) {
            return Err(PoolError::Duplicate);
        }
        if let Some(queue) = self.members.get(&member) {
            if let Some(other) = queue.by_nonce.get(&nonce) {
                return Err(PoolError::NonceWaits(*other));
            }
        }
        Ok(self.check_room(member, encoded_len)?)
    }

    /// Whether there is room for a transaction of this member and of this many bytes.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn check_room(&self, member: MemberId, encoded_len: usize) -> Result<(), NoRoom> {
        if let Some(queue) = self.members.get(&member) {
            let transactions = queue.by_nonce.len();
            if transactions >= self.limits.member_transactions || queue.bytes + encoded_len > self.limits.member_bytes {
                return Err(NoRoom::MemberQuota { transactions, bytes: queue.bytes });
            }
        }
        if self.entries.len() >= self.limits.transactions || self.bytes + encoded_len > self.limits.bytes {
            return Err(NoRoom::Full { transactions: self.entries.len() });
        }
        Ok(())
    }

    /// Adds a verified transaction. `local` is the epoch in which one of this node's own clients submitted it; see [`Pool::local_before`].
    ///
    /// # Errors
    /// [`PoolError`]; the pool is unchanged then.
    pub fn insert(&mut self, verified: Verified, local: Option<u64>) -> Result<(), PoolError> {
        let id = verified.id();
        let (member, nonce, last_valid) = (verified.body().signer, verified.body().nonce, verified.body().last_valid);
        let bytes = verified.encoded_len();
        self.check(&id, member, nonce, bytes)?;
        let queue = self.members.entry(member).or_default();
        queue.by_nonce.insert(nonce, id);
        queue.bytes += bytes;
        self.bytes += bytes;
        self.expiry.insert((last_valid, id));
        self.entries.insert(id, Entry { verified, local });
        Ok(())
    }

    /// Removes one transaction.
    pub fn remove(&mut self, id: &TransactionId) -> Option<Verified> {
        let Entry { verified, .. } = self.entries.remove(id)?;
        let (member, nonce, last_valid) = (verified.body().signer, verified.body().nonce, verified.body().last_valid);
        self.bytes -= verified.encoded_len();
        self.expiry.remove(&(last_valid, *id));
        if let Some(queue) = self.members.get_mut(&member) {
            queue.by_nonce.remove(&nonce);
            queue.bytes -= verified.encoded_len();
            if queue.by_nonce.is_empty() {
                self.members.remove(&member);
            }
        }
        Some(verified)
    }

    /// A block of `height` used up these (signer, nonce) pairs: removes what they were of, and what has expired by the next height.
    /// Returns how many left.
    pub fn on_committed(&mut self, height: Height, used: impl IntoIterator<Item = (MemberId, Nonce)>) -> usize {
        let before = self.len();
        for (member, nonce) in used {
            let id = self.members.get(&member).and_then(|queue| queue.by_nonce.get(&nonce)).copied();
            if let Some(id) = id {
                self.remove(&id);
            }
        }
        while let Some((last_valid, id)) = self.expiry.first().copied() {
            if last_valid > height {
                break;
            }
            self.remove(&id);
        }
        before - self.len()
    }

    /// Chooses transactions for a block; they stay in the pool until [`Pool::on_committed`]. Those that `admissible` refuses are removed.
    ///
    /// Fair by bytes: the next transaction is always one of the member that got least so far, lowest nonce first; among equals the first
    /// member moves on with each call, so that nobody waits for ever even when a block cannot hold one transaction of each.
    pub fn take(&mut self, budget: TakeBudget, admissible: impl Fn(&Verified) -> bool) -> Vec<Verified> {
        let count = self.members.len();
        let start = if count == 0 { 0 } else { self.takes % count };
        self.takes = self.takes.wrapping_add(1);
        let mut turns: Vec<Turn<'_>> = Vec::with_capacity(count);
        for (index, queue) in self.members.values().enumerate() {
            turns.push(Turn { ids: queue.by_nonce.values(), taken: 0, order: (index + count - start) % count });
        }
        let mut heap: BinaryHeap<Reverse<(usize, usize, usize)>> =
            turns.iter().enumerate().map(|(index, turn)| Reverse((0, turn.order, index))).collect();
        let mut taken = Vec::new();
        let mut refused = Vec::new();
        let mut bytes = 0;
        while let Some(Reverse((member_bytes, order, index))) = heap.pop() {
            if taken.len() >= budget.max_transactions {
                break;
            }
            let turn = &mut turns[index];
            let Some(verified) = self.next_admissible(turn, budget.height, &admissible, &mut refused) else { continue };
            if bytes + verified.encoded_len() > budget.max_bytes {
                continue;
            }
            bytes += verified.encoded_len();
            turn.taken += 1;
            if turn.taken < budget.max_member_transactions {
                heap.push(Reverse((member_bytes + verified.encoded_len(), order, index)));
            }
            taken.push(verified);
        }
        for id in refused {
            self.remove(&id);
        }
        taken
    }

    fn next_admissible(
        &self,
        turn: &mut Turn<'_>,
        height: Height,
        admissible: &impl Fn(&Verified) -> bool,
        refused: &mut Vec<TransactionId>,
    ) -> Option<Verified> {
        for id in turn.ids.by_ref() {
            let Some(entry) = self.entries.get(id) else { continue };
            // Too far ahead for this block is not wrong: it waits.
            if !entry.verified.body().is_timely(height) {
                continue;
            }
            if admissible(&entry.verified) {
                return Some(entry.verified.clone());
            }
            refused.push(*id);
        }
        None
    }

    /// Transactions of this node's own clients that wait since before `epoch`, by id from after `cursor` on, at most `limit`: what is
    /// gossiped again, since a lost message is not noticed otherwise.
    pub fn local_before(&self, epoch: u64, cursor: Option<TransactionId>, limit: usize) -> Vec<Verified> {
        let waits = |entry: &Entry| entry.local.is_some_and(|submitted| submitted < epoch);
        let after = |id: &TransactionId| cursor.is_none_or(|last| *id > last);
        let mut ids: Vec<&TransactionId> = self.entries.iter().filter(|(id, entry)| waits(entry) && after(id)).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.into_iter().take(limit).filter_map(|id| self.get(id).cloned()).collect()
    }
}

/// A member's place in one [`Pool::take`].
struct Turn<'p> {
    ids: btree_map::Values<'p, Nonce, TransactionId>,
    taken: usize,
    order: usize,
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
