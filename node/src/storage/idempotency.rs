//! A client's retry does not buy twice: an idempotency key maps durably to one signed transaction before that is sent (DESIGN, promise 4).

use super::StoreError;
use super::database::{Batch, Database, Order};
use super::key::StoreKey;
use super::schema::{Idempotency, IdempotencyExpiry};
use leg_ledger::ids::MemberId;
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::SignedTransaction;
use serde::{Deserialize, Serialize};

/// Keys that are forgotten with one block, at most: what is due later waits for the next block.
const MAX_FORGOTTEN: usize = 128;

/// What a client sent as `Idempotency-Key`, for the member that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    member: MemberId,
    text: String,
}

impl IdempotencyKey {
    /// Longest key, bytes.
    pub const MAX_BYTES: usize = 128;

    /// A key of 1 to 128 visible ASCII characters; `None` for anything else.
    pub fn parse(member: MemberId, text: &str) -> Option<Self> {
        let valid = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        valid.then(|| IdempotencyKey { member, text: text.to_owned() })
    }
}

/// The text is the last part of every key that it stands in.
impl StoreKey for IdempotencyKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.member.write(out);
        out.extend(self.text.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let member = MemberId::read(bytes)?;
        IdempotencyKey::parse(member, std::str::from_utf8(std::mem::take(bytes)).ok()?)
    }
}

/// What was signed for a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// What was asked, in a form in which equal requests have equal bytes: another request under the same key is the client's error.
    pub request: Vec<u8>,
    /// What was signed for it.
    pub transaction: SignedTransaction,
    /// When the key is forgotten.
    pub expires: BlockTime,
}

/// Keeps `record` for `key` durably, unless a record that has not expired at `now` is there: then that one is returned.
pub(super) fn remember(
    database: &Database,
    key: &IdempotencyKey,
    record: &IdempotencyRecord,
    now: BlockTime,
) -> Result<Option<IdempotencyRecord>, StoreError> {
    let earlier = database.get::<Idempotency>(key)?;
    let mut batch = database.batch();
    match earlier {
        Some(earlier) if earlier.expires > now => return Ok(Some(earlier)),
        Some(expired) => batch.delete::<IdempotencyExpiry>(&(expired.expires, key.clone()))?,
        None => {}
    }
    batch.put::<Idempotency>(key, record)?;
    batch.put::<IdempotencyExpiry>(&(record.expires, key.clone()), &())?;
    database.commit("idempotency key", batch)?;
    Ok(None)
}

/// Adds to a batch that keys whose time is over at `now` are forgotten.
pub(super) fn forget_expired(database: &Database, batch: &mut Batch<'_>, now: BlockTime) -> Result<(), StoreError> {
    for entry in database.scan::<IdempotencyExpiry>(&[], None, Order::Ascending)?.take(MAX_FORGOTTEN) {
        let ((expires, key), _) = entry?;
        if expires > now {
            break;
        }
        batch.delete::<Idempotency>(&key)?;
        batch.delete::<IdempotencyExpiry>(&(expires, key))?;
    }
    Ok(())
}
