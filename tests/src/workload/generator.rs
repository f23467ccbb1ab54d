//! Which member signs what, and how time passes.

use super::chain::LocalChain;
use super::{orders, steps};
use leg_genesis::{DevnetSpec, Genesis, MemberSecrets};
use leg_ledger::execute::Ledger;
use leg_ledger::ids::{Height, MemberId, Nonce};
use leg_ledger::member::{KeyRole, Role};
use leg_ledger::signature::SecretKey;
use leg_ledger::state::{Members, View};
use leg_ledger::time::{BlockTime, DAY_MS, HOUR_MS, MarketTime};
use leg_ledger::transaction::{Action, SignedTransaction, TransactionBody};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// 2025-06-15T00:00:00Z: a summer's midnight, so that solar forecasts have days to cover.
const ORIGIN_MS: u64 = 1_749_945_600_000;
/// Watts of the plants of the six hubs; one has none.
const PEAKS: [u64; 6] = [60_000, 54_000, 36_000, 53_000, 92_000, 0];
const MINUTE_MS: u64 = 60_000;
/// Most members that sign in one block.
const MAX_SIGNERS: usize = 6;
/// Most actions under one signature here.
const MAX_ACTIONS: usize = 4;

/// Time and transactions of the next block.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The proposer's clock.
    pub time: BlockTime,
    /// In no particular order.
    pub transactions: Vec<SignedTransaction>,
}

/// A seeded community. Its market runs in real time, so that hours are jumped over, not scaled.
#[derive(Debug)]
pub struct Workload {
    pub(super) rng: ChaCha8Rng,
    pub(super) members: Vec<(MemberId, Role)>,
    /// Orders of compute and energy only.
    pub(super) narrow: bool,
    genesis: Genesis,
    founding: BTreeMap<MemberId, MemberSecrets>,
    secrets: BTreeMap<MemberId, MemberSecrets>,
    rotated: Vec<(MemberId, KeyRole, SecretKey)>,
    nonces: BTreeMap<MemberId, u64>,
}

impl Workload {
    /// The community of a seed.
    pub fn new(seed: u64) -> Self {
        let name = format!("workload {seed}");
        let spec = DevnetSpec { scale: 1, solar_peak_watts: PEAKS.to_vec(), ..DevnetSpec::new(&name, ORIGIN_MS) };
        let (genesis, secrets) = spec.build().expect("the numbers make a network");
        let members = genesis.members().iter().map(|m| (m.member.id, m.member.role)).collect();
        Workload {
            rng: ChaCha8Rng::seed_from_u64(seed),
            members,
            narrow: false,
            genesis,
            founding: secrets.clone(),
            secrets,
            rotated: Vec::new(),
            nonces: BTreeMap::new(),
        }
    }

    /// A community of a seed that orders compute and energy and nothing else.
    pub fn compute_and_energy(seed: u64) -> Self {
        Workload { narrow: true, ..Workload::new(seed) }
    }

    /// What the community agreed on.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The chain before the first block.
    pub fn chain(&self) -> LocalChain {
        LocalChain::new(&self.genesis, &self.founding)
    }

    /// The next block's content on the state after the tip.
    pub fn next_batch(&mut self, ledger: &Ledger) -> Batch {
        self.take_rotated_keys(ledger);
        let time = self.next_time(ledger.tip().time);
        let now = ledger.market_time(time);
        let mut signers = self.members.clone();
        signers.shuffle(&mut self.rng);
        signers.truncate(self.rng.gen_range(0..=MAX_SIGNERS));
        let mut transactions = Vec::new();
        for (member, role) in signers {
            self.sign_all(ledger, now, member, role, &mut transactions);
        }
        transactions.shuffle(&mut self.rng);
        Batch { time, transactions }
    }

    /// A block without transactions, `ms` later.
    pub fn silence(&self, ledger: &Ledger, ms: u64) -> Batch {
        Batch { time: BlockTime::from_ms(ledger.tip().time.ms() + ms), transactions: Vec::new() }
    }

    /// Another order of the same transactions.
    pub fn permuted(&mut self, transactions: &[SignedTransaction]) -> Vec<SignedTransaction> {
        let mut other = transactions.to_vec();
        other.shuffle(&mut self.rng);
        other
    }

    /// True once in `many`.
    pub(super) fn once_in(&mut self, many: u32) -> bool {
        self.rng.gen_ratio(1, many)
    }

    /// One of them.
    pub(super) fn pick<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        list.choose(&mut self.rng).cloned()
    }

    fn next_time(&mut self, tip: BlockTime) -> BlockTime {
        let step = match self.rng.gen_range(0..100) {
            0..=44 => self.rng.gen_range(50..=1_000),
            45..=69 => self.rng.gen_range(MINUTE_MS..=15 * MINUTE_MS),
            70..=89 => self.rng.gen_range(15 * MINUTE_MS..=HOUR_MS),
            90..=97 => self.rng.gen_range(HOUR_MS..=6 * HOUR_MS),
            _ => DAY_MS + self.rng.gen_range(0..=2 * HOUR_MS),
        };
        BlockTime::from_ms(tip.ms() + step)
    }

    /// The transactions of one member: the steps of its trades, its meter's readings, its orders.
    fn sign_all(&mut self, ledger: &Ledger, now: MarketTime, member: MemberId, role: Role, out: &mut Vec<SignedTransaction>) {
        let mut operator = steps::trades(self, ledger.state(), member);
        for _ in 0..self.rng.gen_range(1..=MAX_ACTIONS) {
            operator.extend(orders::action(self, ledger.state(), now, member, role));
        }
        operator.truncate(MAX_ACTIONS);
        // Apart or together, atomic or not: how actions are signed must not matter to conservation.
        let together = self.rng.gen_bool(0.5);
        let atomic = together && self.once_in(3);
        let groups: Vec<Vec<Action>> = if together { vec![operator] } else { operator.into_iter().map(|action| vec![action]).collect() };
        for actions in groups.into_iter().filter(|actions| !actions.is_empty()) {
            out.push(self.sign(ledger, member, KeyRole::Operator, atomic, actions));
        }
        if let Some(action) = steps::meter(self, ledger.state(), now, member, role) {
            out.push(self.sign(ledger, member, KeyRole::Meter, false, vec![action]));
        }
        if self.once_in(40) {
            let action = self.rotation(member);
            out.push(self.sign(ledger, member, KeyRole::Operator, false, vec![action]));
        }
    }

    fn sign(&mut self, ledger: &Ledger, member: MemberId, role: KeyRole, atomic: bool, actions: Vec<Action>) -> SignedTransaction {
        let gap = self.rng.gen_range(1..5);
        let nonce = self.nonces.entry(member).or_default();
        *nonce += gap;
        let body = TransactionBody {
            version: 1,
            chain: ledger.chain(),
            signer: member,
            role,
            nonce: Nonce::new(*nonce),
            last_valid: Height::new(ledger.next_height().get() + self.rng.gen_range(0..=1_000)),
            atomic,
            actions,
        };
        body.sign(self.secrets[&member].of(role))
    }

    fn rotation(&mut self, member: MemberId) -> Action {
        let role = if self.rng.gen_bool(0.5) { KeyRole::Operator } else { KeyRole::Meter };
        let key = SecretKey::from_bytes(&self.rng.r#gen());
        let action = steps::rotation(member, role, &key);
        self.rotated.push((member, role, key));
        action
    }

    /// From the block after a rotation on, the new key signs; a rejected rotation leaves the old one.
    fn take_rotated_keys(&mut self, ledger: &Ledger) {
        for (member, role, key) in std::mem::take(&mut self.rotated) {
            let registered = ledger.state().get::<Members>(&member).and_then(|entry| entry.keys.signer(role));
            if registered != Some(key.public()) {
                continue;
            }
            let secrets = self.secrets.get_mut(&member).expect("every member has its keys here");
            match role {
                KeyRole::Meter => secrets.meter = key,
                _ => secrets.operator = key,
            }
        }
    }
}
