//! Signs with the hub's own keys what the API's clients ask for.

use super::error::ApiError;
use axum::http::StatusCode;
use leg_ledger::execute::Ledger;
use leg_ledger::ids::{ChainId, Height, MemberId, Nonce};
use leg_ledger::limits::MAX_ACTIONS;
use leg_ledger::member::KeyRole;
use leg_ledger::signature::SecretKey;
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::{Action, SignedTransaction, TransactionBody};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Blocks that a transaction signed here may wait: 30 s at the fastest pace, ten minutes on an idle network.
const LIFETIME_BLOCKS: u64 = 600;
/// Low bits of a nonce: which process chose it.
const TAG_BITS: u32 = 10;
/// Bits of a nonce below the millisecond: the process, and a counter.
const MILLISECOND_BITS: u32 = 20;

/// The keys of the member whose node this is.
#[derive(Debug)]
pub struct Signer {
    member: MemberId,
    operator: Option<SecretKey>,
    meter: Option<SecretKey>,
    tag: u64,
    last_nonce: AtomicU64,
}

/// Where and when a transaction is signed.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The network.
    pub chain: ChainId,
    /// The last committed height.
    pub tip: Height,
    /// The node's clock.
    pub now: BlockTime,
}

impl Moment {
    /// After the last block of `ledger`, at the node's clock `now`.
    pub fn of(ledger: &Ledger, now: BlockTime) -> Self {
        Moment { chain: ledger.chain(), tip: ledger.tip().height, now }
    }
}

impl Signer {
    /// A signer for `member` with the keys that are on this node.
    pub fn new(member: MemberId, operator: Option<SecretKey>, meter: Option<SecretKey>) -> Self {
        // Two nodes of one hub that sign in the same millisecond must not choose the same nonce.
        let tag = RandomState::new().hash_one(member.as_bytes()) & ((1 << TAG_BITS) - 1);
        Signer { member, operator, meter, tag, last_nonce: AtomicU64::new(0) }
    }

    /// Who signs.
    pub fn member(&self) -> MemberId {
        self.member
    }

    /// Signs actions with the key of a role.
    ///
    /// # Errors
    /// 403 when that key is not on this node, 422 for a wrong number of actions.
    pub fn sign(&self, moment: Moment, role: KeyRole, atomic: bool, actions: Vec<Action>) -> Result<SignedTransaction, ApiError> {
        let key = match role {
            KeyRole::Meter => self.meter.as_ref(),
            _ => self.operator.as_ref(),
        };
        let key = key.ok_or_else(|| no_key(self.member, role))?;
        if actions.is_empty() || actions.len() > MAX_ACTIONS {
            let message = format!("{} actions; 1 to {MAX_ACTIONS} are allowed under one signature", actions.len());
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_action_count", message));
        }
        let last_valid = moment.tip.checked_add(LIFETIME_BLOCKS).unwrap_or(moment.tip);
        let body = TransactionBody {
            version: 1,
            chain: moment.chain,
            signer: self.member,
            role,
            nonce: self.next_nonce(moment.now),
            last_valid,
            atomic,
            actions,
        };
        Ok(body.sign(key))
    }

    /// A nonce above every earlier one, since a block executes a member's transactions in the order of their nonces: a cancel must come
    /// after its order.
    fn next_nonce(&self, now: BlockTime) -> Nonce {
        let step = 1_u64 << TAG_BITS;
        let fresh = (now.ms() << MILLISECOND_BITS) | self.tag;
        let choose = |last: u64| fresh.max(last.saturating_add(step));
        // The closure always returns Some, so both arms hold the value before the update.
        let last = match self.last_nonce.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(choose(last))) {
            Ok(last) | Err(last) => last,
        };
        Nonce::new(choose(last))
    }
}

fn no_key(member: MemberId, role: KeyRole) -> ApiError {
    let role = if role == KeyRole::Meter { "meter" } else { "operator" };
    let message = format!("the {role} key of {member} is not on this node; send a signed transaction to /api/transactions");
    ApiError::new(StatusCode::FORBIDDEN, "no_key", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_rise_even_when_the_clock_does_not() {
        let signer = Signer::new(MemberId::parse("hub-01").unwrap(), None, None);
        let mut last = 0;
        for ms in [5_000, 5_000, 4_000, 4_000, 5_001, 1] {
            let nonce = signer.next_nonce(BlockTime::from_ms(ms)).get();
            assert!(nonce > last, "{nonce} after {last}");
            assert_eq!(nonce & 0x3ff, signer.tag);
            last = nonce;
        }
    }
}
