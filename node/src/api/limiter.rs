//! Limits what costs a signature check to those who send it: a bucket of tokens for each address.

use leg_ledger::time::BlockTime;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Addresses that are remembered; at the limit all full buckets are forgotten, and then all, which only ever favours the sender.
const MAX_ADDRESSES: usize = 4_096;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Thousandths of a token.
    milli: u64,
    filled: BlockTime,
}

/// See the module.
#[derive(Debug)]
pub struct Limiter {
    per_second: u64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

impl Limiter {
    /// Lets `per_second` requests a second through for each address, and twice as many at once.
    pub fn new(per_second: u32) -> Self {
        Limiter { per_second: u64::from(per_second), buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes a token for each of `count` transactions; false, and none is taken, when there are not so many.
    pub fn allow(&self, address: IpAddr, count: usize, now: BlockTime) -> bool {
        let price = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(1_000);
        let full = self.per_second * 2_000;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_ADDRESSES && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| bucket.milli < full);
            if buckets.len() >= MAX_ADDRESSES {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket { milli: full, filled: now });
        let passed = now.ms().saturating_sub(bucket.filled.ms());
        bucket.milli = bucket.milli.saturating_add(passed.saturating_mul(self.per_second)).min(full);
        bucket.filled = now;
        let enough = bucket.milli >= price;
        if enough {
            bucket.milli -= price;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_budget_that_fills_with_time() {
        let limiter = Limiter::new(2);
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let at = BlockTime::from_ms;
        let allowed = (0..10).filter(|_| limiter.allow(a, 1, at(1_000))).count();
        assert_eq!(allowed, 4);
        assert!(limiter.allow(b, 1, at(1_000)));
        assert!(!limiter.allow(a, 1, at(1_499)));
        assert!(limiter.allow(a, 1, at(1_500)));
        assert!(!limiter.allow(a, 1, at(1_000)), "a clock that goes back gives nothing");
    }

    #[test]
    fn a_list_costs_as_much_as_its_transactions_one_by_one() {
        let (limiter, a, at) = (Limiter::new(2), IpAddr::from([127, 0, 0, 1]), BlockTime::from_ms(1_000));
        assert!(!limiter.allow(a, 5, at), "more than may come at once");
        assert!(limiter.allow(a, 3, at), "a refused list costs nothing");
        assert!(!limiter.allow(a, 2, at));
        assert!(limiter.allow(a, 1, at));
        assert!(!limiter.allow(a, usize::MAX, at));
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(1);
        for n in 0..u32::try_from(MAX_ADDRESSES * 2).unwrap() {
            assert!(limiter.allow(IpAddr::from(n.to_be_bytes()), 1, at_start()));
        }
        assert!(limiter.buckets.lock().unwrap().len() <= MAX_ADDRESSES);
    }

    fn at_start() -> BlockTime {
        BlockTime::from_ms(1)
    }
}
