//! Which member signs what, and how time passes.

use super::chain::LocalChain;
use super::{disputes, governance, orders, steps, storage};
use leg_genesis::{DevnetSpec, Genesis, MemberSecrets};
use leg_ledger::amount::MicroChf;
use leg_ledger::execute::Ledger;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, Nonce};
use leg_ledger::member::{KeyRole, Role};
use leg_ledger::signature::{PublicKey, SecretKey};
use leg_ledger::state::{Disputes, Members, Proposals, State, StorageContract, StorageContracts, StorageStage, View};
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
/// How often a hub signs in a block, an oracle, and anybody else, of a hundred.
const HUBS: u32 = 55;
const ORACLES: u32 = 40;
const OTHERS: u32 = 22;
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

/// What a history dwells on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Days and months of storage pass.
    Keeps,
    /// What is delivered is disputed, and the verdicts are waited for.
    Quarrels,
    /// Hours of trade.
    Trades,
    /// The community changes its rules, its members and its committee.
    Governs,
}

/// A seeded community. Its market runs in real time, so that hours are jumped over, not scaled.
#[derive(Debug)]
pub struct Workload {
    pub(super) rng: ChaCha8Rng,
    pub(super) members: Vec<(MemberId, Role)>,
    /// What buyers had encoded for storage, by its root.
    pub(super) contents: BTreeMap<Hash, Vec<u8>>,
    pub(super) mood: Mood,
    /// What its keys are made from.
    pub(super) seed: String,
    genesis: Genesis,
    founding: BTreeMap<MemberId, MemberSecrets>,
    keys: BTreeMap<PublicKey, SecretKey>,
    nonces: BTreeMap<MemberId, u64>,
}

impl Workload {
    /// The community of a seed.
    pub fn new(seed: u64) -> Self {
        let name = format!("workload {seed}");
        let spec = DevnetSpec { scale: 1, solar_peak_watts: PEAKS.to_vec(), ..DevnetSpec::new(&name, ORIGIN_MS) };
        let (genesis, founding) = spec.build().expect("the numbers make a network");
        let mood = [Mood::Keeps, Mood::Quarrels, Mood::Trades, Mood::Governs][usize::try_from(seed % 4).expect("small")];
        let genesis = if mood == Mood::Keeps { strict(genesis) } else { genesis };
        let signing = founding.values().flat_map(|s| [&s.operator, &s.meter]);
        Workload {
            rng: ChaCha8Rng::seed_from_u64(seed),
            members: Vec::new(),
            contents: BTreeMap::new(),
            mood,
            keys: signing.map(|key| (key.public(), key.clone())).collect(),
            seed: name,
            genesis,
            founding,
            nonces: BTreeMap::new(),
        }
    }

    /// What the community agreed on.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The chain before the first block.
    pub fn chain(&self) -> LocalChain {
        let founders: Vec<MemberId> = self.founding.keys().copied().collect();
        LocalChain::new(&self.genesis, &self.founding, &governance::spares(&self.seed, &founders))
    }

    /// The next block's content on the state after the tip.
    pub fn next_batch(&mut self, ledger: &Ledger) -> Batch {
        let time = self.next_time(ledger);
        let now = ledger.market_time(time);
        self.members = ledger.state().range::<Members>(..).map(|(id, m)| (*id, m.role)).collect();
        let mut transactions = Vec::new();
        for (member, role) in self.members.clone() {
            let often = match role {
                Role::Hub => HUBS,
                Role::Oracle => ORACLES,
                _ => OTHERS,
            };
            if self.rng.gen_ratio(often, 100) {
                self.sign_all(ledger, now, member, role, &mut transactions);
            }
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

    /// A hub other than `member`.
    pub(super) fn other_hub(&mut self, member: MemberId) -> MemberId {
        let hubs: Vec<MemberId> = self.members.iter().filter(|(id, role)| *id != member && *role == Role::Hub).map(|(id, _)| *id).collect();
        self.pick(&hubs).unwrap_or(member)
    }

    fn next_time(&mut self, ledger: &Ledger) -> BlockTime {
        let tip = ledger.tip().time;
        let now = ledger.market_time(tip);
        let left = |due: MarketTime| due.ms_since(now);
        let answers = ledger.state().range::<StorageContracts>(..).filter_map(|(_, c)| Some(left(c.challenge?.due))).min();
        let next = self.awaited(ledger.state(), now).map(left);
        let step = match (answers.filter(|left| *left > 1 && *left <= 10 * MINUTE_MS), next) {
            // Answers come before anything else happens; else what is waited for may come at its very time.
            (Some(left), _) if !self.once_in(4) => self.rng.gen_range(1..left),
            (_, Some(left)) if self.once_in(if self.mood == Mood::Governs { 15 } else { 4 }) => left,
            _ => self.any_step(),
        };
        BlockTime::from_ms(tip.ms() + step)
    }

    /// What this history waits for: the next step of a contract or of a dispute, the end of a proposal.
    fn awaited(&self, state: &State, now: MarketTime) -> Option<MarketTime> {
        let kept = |c: &StorageContract| matches!(c.stage, StorageStage::Stored { .. });
        let contracts = state.range::<StorageContracts>(..).filter(|(_, c)| kept(c)).map(|(_, c)| c.due);
        let disputes = state.range::<Disputes>(..).flat_map(|(_, d)| [d.evidence_until, d.verdict_until]);
        let due: Vec<MarketTime> = match self.mood {
            Mood::Keeps => contracts.collect(),
            Mood::Quarrels => disputes.collect(),
            Mood::Governs => state.range::<Proposals>(..).map(|(_, p)| p.deadline).collect(),
            Mood::Trades => Vec::new(),
        };
        due.into_iter().filter(|due| *due > now).min()
    }

    fn any_step(&mut self) -> u64 {
        match self.rng.gen_range(0..100) {
            0..=44 => self.rng.gen_range(50..=1_000),
            45..=79 => self.rng.gen_range(MINUTE_MS..=15 * MINUTE_MS),
            80..=89 => self.rng.gen_range(15 * MINUTE_MS..=HOUR_MS),
            90..=96 if self.mood == Mood::Keeps => self.rng.gen_range(DAY_MS..=35 * DAY_MS),
            90..=91 if self.mood == Mood::Governs => self.rng.gen_range(DAY_MS..=20 * DAY_MS),
            90..=97 => self.rng.gen_range(HOUR_MS..=6 * HOUR_MS),
            _ => DAY_MS + self.rng.gen_range(0..=2 * HOUR_MS),
        }
    }

    /// The transactions of one member: the steps of its trades and contracts, its meter's readings, its orders.
    fn sign_all(&mut self, ledger: &Ledger, now: MarketTime, member: MemberId, role: Role, out: &mut Vec<SignedTransaction>) {
        let mut operator = storage::steps(self, ledger.state(), now, member);
        operator.extend(governance::steps(self, ledger, now, member, role));
        operator.extend(disputes::steps(self, ledger.state(), now, member));
        operator.extend(steps::trades(self, ledger.state(), now, member));
        for _ in 0..self.rng.gen_range(1..=MAX_ACTIONS) {
            operator.extend(orders::action(self, ledger.state(), now, member, role));
        }
        operator.truncate(MAX_ACTIONS);
        // Apart or together, atomic or not: how actions are signed must not matter to conservation.
        let together = self.rng.gen_bool(0.5);
        let atomic = together && self.once_in(3);
        let groups: Vec<Vec<Action>> = if together { vec![operator] } else { operator.into_iter().map(|action| vec![action]).collect() };
        for actions in groups.into_iter().filter(|actions| !actions.is_empty()) {
            out.extend(self.sign(ledger, member, KeyRole::Operator, atomic, actions));
        }
        if let Some(action) = steps::meter(self, ledger.state(), now, member, role) {
            out.extend(self.sign(ledger, member, KeyRole::Meter, false, vec![action]));
        }
        if self.once_in(40) {
            let action = self.rotation(member);
            out.extend(self.sign(ledger, member, KeyRole::Operator, false, vec![action]));
        }
    }

    /// Signs with the key that the registry has after the tip; a member without a key of the role signs nothing.
    fn sign(&mut self, ledger: &Ledger, member: MemberId, role: KeyRole, atomic: bool, actions: Vec<Action>) -> Option<SignedTransaction> {
        let registered = ledger.state().get::<Members>(&member).and_then(|entry| entry.keys.signer(role))?;
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
        Some(body.sign(&self.keys[&registered]))
    }

    fn rotation(&mut self, member: MemberId) -> Action {
        let role = if self.rng.gen_bool(0.5) { KeyRole::Operator } else { KeyRole::Meter };
        let key = self.new_key();
        steps::rotation(member, role, &key)
    }

    /// A key that nobody has yet.
    pub(super) fn new_key(&mut self) -> SecretKey {
        let key = SecretKey::from_bytes(&self.rng.r#gen());
        self.keys.insert(key.public(), key.clone());
        key
    }
}

/// The same community with less money, monthly charges, and ends that come soon: months must not pass in vain.
fn strict(genesis: Genesis) -> Genesis {
    let mut content = genesis.into_content();
    content.params.heat_expiry_months = 1;
    content.params.storage.day_ms = 10 * DAY_MS;
    content.params.storage.missing_days = 3;
    content.params.charges.support = MicroChf::new(30_000_000);
    for member in content.members.iter_mut().filter(|m| m.member.role == Role::Hub) {
        member.balance = MicroChf::new(400_000_000);
    }
    Genesis::new(content).expect("the same network")
}
