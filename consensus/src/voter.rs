//! Who votes at this node, and with which key at which height.
//!
//! A seat in the committee names a member and its key. The member of a node stays the same; its key may be rotated, and its seat may begin or
//! end, while the node runs. So the key is looked up for each height anew, by the public key that the seat names.

use crate::ports::KeySource;
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::signature::{PublicKey, SecretKey};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Heights after which a key that was not there is looked for again.
const PATIENCE: u64 = 64;

/// A member that votes at this node whenever it has a seat.
#[derive(Clone, Debug)]
pub struct Voter {
    /// The member.
    pub member: MemberId,
    /// Its consensus keys.
    pub keys: VotingKeys,
}

impl Voter {
    /// A voter with one key.
    pub fn new(member: MemberId, key: SecretKey) -> Self {
        Voter { member, keys: VotingKeys::new(Box::new(vec![key])) }
    }
}

/// The consensus keys of a member; clones share them.
#[derive(Clone)]
pub struct VotingKeys(Arc<Mutex<Inner>>);

struct Inner {
    source: Box<dyn KeySource>,
    /// The keys of the seat at the height being decided and the one before.
    seats: BTreeMap<Height, SecretKey>,
    /// The last key that was looked up in vain, and when it is looked for again.
    missing: Option<(PublicKey, Height)>,
}

impl VotingKeys {
    /// Keys from a source.
    pub fn new(source: Box<dyn KeySource>) -> Self {
        VotingKeys(Arc::new(Mutex::new(Inner { source, seats: BTreeMap::new(), missing: None })))
    }

    /// Looks up the key of the seat at the height that is decided from now on; `None` when this node does not have it.
    pub(crate) fn take_seat(&self, height: Height, seat: &PublicKey) -> Option<SecretKey> {
        let mut inner = self.inner();
        let held = inner.seats.values().find(|key| key.public() == *seat).cloned();
        inner.seats.retain(|at, _| at.next() >= Some(height));
        if held.is_none() && inner.missing.is_some_and(|(key, again)| key == *seat && height < again) {
            return None;
        }
        let found = held.or_else(|| inner.source.find(seat)).filter(|key| key.public() == *seat);
        inner.missing = if found.is_none() { height.checked_add(PATIENCE).map(|again| (*seat, again)) } else { None };
        if let Some(key) = &found {
            inner.seats.insert(height, key.clone());
        }
        found
    }

    /// The key of the seat at a height, as it was taken.
    pub(crate) fn at(&self, height: Height) -> Option<SecretKey> {
        self.inner().seats.get(&height).cloned()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic leaves a map of keys, each of which is right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for VotingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VotingKeys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_bytes(&[seed; 32])
    }

    struct Counted(Arc<AtomicUsize>, Vec<SecretKey>);

    impl KeySource for Counted {
        fn find(&mut self, public: &PublicKey) -> Option<SecretKey> {
            self.0.fetch_add(1, Ordering::Relaxed);
            self.1.find(public)
        }
    }

    #[test]
    fn each_height_has_the_key_that_its_seat_names() {
        let keys = VotingKeys::new(Box::new(vec![key(1), key(2)]));
        let height = Height::new;
        assert!(keys.take_seat(height(7), &key(1).public()).is_some());
        assert!(keys.take_seat(height(8), &key(2).public()).is_some());
        assert_eq!(keys.at(height(7)).map(|k| k.public()), Some(key(1).public()), "a vote of the last height may still be signed");
        assert_eq!(keys.at(height(8)).map(|k| k.public()), Some(key(2).public()));
        assert!(keys.take_seat(height(9), &key(3).public()).is_none());
        assert!(keys.at(height(9)).is_none() && keys.at(height(7)).is_none());
    }

    #[test]
    fn the_source_is_asked_once_a_seat_and_now_and_then_for_what_is_missing() {
        let count = Arc::new(AtomicUsize::new(0));
        let keys = VotingKeys::new(Box::new(Counted(Arc::clone(&count), vec![key(1)])));
        for height in 1..20 {
            keys.take_seat(Height::new(height), &key(1).public());
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
        for height in 20..20 + 2 * PATIENCE {
            keys.take_seat(Height::new(height), &key(9).public());
        }
        assert_eq!(count.load(Ordering::Relaxed), 3);
    }
}
