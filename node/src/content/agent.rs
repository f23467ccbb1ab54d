//! Acts for the hub in its storage contracts: announces, fetches, answers challenges, erases. Looks at the state after each block.
//!
//! What it signs may be lost with a full mempool or an expired transaction, so it looks again: a step whose turn it still is some blocks later
//! is taken again, one that failed sooner. The ledger refuses what came twice.

use super::error::ContentError;
use super::plan::{Key, Step, ended_records, needless, steps};
use super::records::Records;
use super::store::ContentStore;
use super::transfer::{Slices, fetch};
use super::turns::Turns;
use crate::api::{ChainPort, ClockPort, MempoolPort, Moment, Signer, read, read_away};
use crate::away::away;
use leg_ledger::execute::Ledger;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, TradeId};
use leg_ledger::limits::MAX_CHUNK_PROOFS;
use leg_ledger::member::KeyRole;
use leg_ledger::state::{Challenge, IndexKey, Orders, State, StorageContract, StorageContracts, View};
use leg_ledger::storage::{CHUNK_BYTES, challenged_chunks};
use leg_ledger::transaction::{Action, AnnounceManifest, ChunkProof, ProveStorage, StorageManifest};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Fetches at the same time; further ones wait.
const FETCHES: usize = 2;
/// How often the agent looks for what can be erased, in blocks.
const ERASE_EVERY: u64 = 50;
/// Files are left alone for this long: their record may be on its way.
const FRESH: Duration = Duration::from_secs(60);
/// How long an upload waits for its contract.
const UPLOAD_AGE: Duration = Duration::from_secs(24 * 3_600);

/// The content of a node with what belongs to it.
pub struct Desk {
    /// Encrypted contents: the member's own until they are stored elsewhere, others' under contract.
    pub store: Arc<ContentStore>,
    /// What clients uploaded, before encryption.
    pub uploads: Arc<ContentStore>,
    /// Keys and manifests of own contents.
    pub records: Arc<Records>,
    /// Other nodes' contents.
    pub slices: Arc<dyn Slices>,
}

/// The agent of one member.
pub struct Agent {
    /// What it keeps.
    pub desk: Arc<Desk>,
    /// The committed chain.
    pub chain: Arc<dyn ChainPort>,
    /// Where its transactions go.
    pub mempool: Arc<dyn MempoolPort>,
    /// The node's clock.
    pub clock: Arc<dyn ClockPort>,
    /// The member's keys.
    pub signer: Arc<Signer>,
}

/// A member's contracts after a height.
struct Seen {
    tip: Height,
    chunks: u32,
    contracts: Vec<StorageContract>,
}

/// The fetches that run.
#[derive(Default)]
struct Fetching {
    tasks: JoinSet<(Key, Result<(), ContentError>)>,
    running: Vec<Key>,
}

impl Fetching {
    /// Whether the step may begin: a fetch only when no other of its contract runs, and not too many at all.
    fn has_room_for(&self, step: &Step) -> bool {
        !matches!(step, Step::Fetch { .. }) || (self.running.len() < FETCHES && !self.running.contains(&step.key()))
    }

    fn start(&mut self, step: Key, fetch: impl Future<Output = Result<(), ContentError>> + Send + 'static) {
        self.running.push(step);
        self.tasks.spawn(async move { (step, fetch.await) });
    }

    /// The next that ends; `None` when none runs.
    async fn next(&mut self) -> Option<(Key, Result<(), ContentError>)> {
        match self.tasks.join_next().await? {
            Ok((step, result)) => {
                self.running.retain(|running| *running != step);
                Some((step, result))
            }
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

impl Agent {
    /// Follows the chain until it ends.
    pub async fn run<T: Clone + Send + Sync + 'static>(self, mut blocks: watch::Receiver<T>) {
        let own = self.signer.member();
        let (mut turns, mut fetching, mut tip) = (Turns::default(), Fetching::default(), Height::new(0));
        loop {
            let (chain, desk) = (Arc::clone(&self.chain), Arc::clone(&self.desk));
            if let Some((seen, wanted)) = away(move || wanted(chain.as_ref(), &desk, own)).await {
                tip = seen.tip;
                turns.keep(&wanted);
                for step in wanted {
                    if fetching.has_room_for(&step) && turns.take(step.key(), tip) && !self.take(step, seen.chunks, &mut fetching).await {
                        turns.failed(step.key(), tip);
                    }
                }
                if tip.get().is_multiple_of(ERASE_EVERY) {
                    self.erase(own, seen.contracts, tip).await;
                }
            }
            tokio::select! {
                changed = blocks.changed() => if changed.is_err() { return },
                Some((step, result)) = fetching.next() => if let Err(error) = result {
                    tracing::warn!(contract = %step.0, %error, "fetching a content stopped; it goes on with a later block");
                    turns.failed(step, tip);
                },
            }
        }
    }

    /// Takes a step; whether it is on its way.
    async fn take(&self, step: Step, chunks: u32, fetching: &mut Fetching) -> bool {
        match step {
            Step::Fetch { contract, manifest, from } => {
                let (store, slices) = (Arc::clone(&self.desk.store), Arc::clone(&self.desk.slices));
                fetching.start(step.key(), fetch(store, slices, from, contract, manifest));
                true
            }
            Step::Announce { contract, manifest } => {
                self.submit(vec![Action::AnnounceManifest(AnnounceManifest { contract, manifest })]).await
            }
            Step::Answer { contract, manifest, challenge } => self.answer(contract, manifest, challenge, chunks).await,
        }
    }

    async fn answer(&self, contract: TradeId, manifest: StorageManifest, challenge: Challenge, chunks: u32) -> bool {
        let store = Arc::clone(&self.desk.store);
        let proofs = away(move || prove(&store, &manifest, &challenge, chunks)).await;
        if proofs.is_empty() {
            tracing::error!(%contract, day = challenge.day, "the stored content is damaged: the challenge cannot be answered");
        }
        let mut all = true;
        // Apart, since each may fill a transaction.
        for chunks in proofs.chunks(MAX_CHUNK_PROOFS) {
            all &= self.submit(vec![Action::ProveStorage(ProveStorage { contract, day: challenge.day, chunks: chunks.to_vec() })]).await;
        }
        all
    }

    /// Signs and sends; whether the mempool has it.
    async fn submit(&self, actions: Vec<Action>) -> bool {
        let now = self.clock.now();
        let moment = read_away(&self.chain, move |ledger| Moment::of(ledger, now));
        let Some(moment) = moment.await else { return false };
        let sent = match self.signer.sign(moment, KeyRole::Operator, false, actions) {
            Ok(transaction) => self.mempool.submit(transaction).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.code().to_owned()),
        };
        if let Err(error) = &sent {
            tracing::warn!(error, "a step of a storage contract is not sent; it is tried again");
        }
        sent.is_ok()
    }

    /// Erases what no contract needs any more.
    async fn erase(&self, own: MemberId, contracts: Vec<StorageContract>, tip: Height) {
        let (desk, chain) = (Arc::clone(&self.desk), Arc::clone(&self.chain));
        let erased = away(move || -> Result<(), ContentError> {
            let records = desk.records.all();
            let is_open = |order| read(chain.as_ref(), |ledger| ledger.state().get::<Orders>(&order).is_some()).unwrap_or(true);
            for order in ended_records(&records, &contracts, is_open, tip) {
                desk.records.remove(order)?;
            }
            for root in needless(own, &desk.store.older_than(FRESH), &contracts, &desk.records.all()) {
                desk.store.remove(root)?;
            }
            for root in desk.uploads.older_than(UPLOAD_AGE) {
                desk.uploads.remove(root)?;
            }
            Ok(())
        })
        .await;
        if let Err(error) = erased {
            tracing::warn!(%error, "content that nobody needs is not erased; it is tried again");
        }
    }
}

fn look(ledger: &Ledger, own: MemberId) -> Seen {
    let chunks = ledger.params().map_or(0, |params| params.storage.challenge_chunks);
    Seen { tip: ledger.tip().height, chunks, contracts: contracts_of(ledger.state(), own) }
}

/// What the ledger says after the last block, and the steps that follow from it and from what is on the disk.
fn wanted(chain: &dyn ChainPort, desk: &Desk, own: MemberId) -> Option<(Seen, Vec<Step>)> {
    let seen = read(chain, |ledger| look(ledger, own))?;
    let has = |manifest: &StorageManifest| desk.store.size(manifest.root) == Some(manifest.size);
    let wanted = steps(own, &seen.contracts, &desk.records.all(), has);
    Some((seen, wanted))
}

/// A member's running contracts, as buyer or seller.
pub fn contracts_of(state: &State, member: MemberId) -> Vec<StorageContract> {
    let keys = state.index(IndexKey::MemberContract { member, contract: TradeId::from_hash(Hash::ZERO) }..);
    let ids = keys.map_while(|key| match key {
        IndexKey::MemberContract { member: of, contract } if of == member => Some(contract),
        _ => None,
    });
    ids.filter_map(|id| state.get::<StorageContracts>(&id).cloned()).collect()
}

/// Slices of the challenge's chunks that are not proved yet and that the store still has whole. Empty when there is none.
pub(super) fn prove(store: &ContentStore, manifest: &StorageManifest, challenge: &Challenge, count: u32) -> Vec<ChunkProof> {
    let asked = challenged_chunks(challenge.seed, manifest.size, count);
    let open = |pick: u8| challenge.proved.checked_shr(u32::from(pick)).is_some_and(|rest| rest & 1 == 0);
    let slice = |(pick, chunk): (u8, u64)| {
        let from = chunk.checked_mul(CHUNK_BYTES)?;
        let length = CHUNK_BYTES.min(manifest.size.checked_sub(from)?);
        match store.slice(manifest.root, from, length) {
            Ok(slice) => Some(ChunkProof { pick, slice }),
            Err(error) => {
                tracing::error!(%error, "a stored chunk cannot be proved");
                None
            }
        }
    };
    (0_u8..).zip(asked).filter(|(pick, _)| open(*pick)).filter_map(slice).collect()
}
