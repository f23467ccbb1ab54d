//! Ports in memory, for the tests of this crate. The chain has no state: its roots are hashes of the parent's id.

use crate::handle::{Handler, Settings};
use crate::ports::*;
use crate::signature_check::SignatureCheck;
use crate::timeouts::Timeouts;
use crate::voter::Voter;
use leg_ledger::block::*;
use leg_ledger::codec;
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::*;
use leg_ledger::params::ProtocolVersion;
use leg_ledger::signature::SecretKey;
use leg_ledger::time::BlockTime;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const GENESIS_MS: u64 = 1_750_000_000_000;

pub fn at(ms_after_genesis: u64) -> BlockTime {
    BlockTime::from_ms(GENESIS_MS + ms_after_genesis)
}

pub fn chain_id() -> ChainId {
    ChainId::from_hash(Hash::of(Domain::Genesis, b"test"))
}

pub fn member(index: u8) -> MemberId {
    MemberId::parse(&format!("hub-{index}")).unwrap()
}

pub fn key(index: u8) -> SecretKey {
    SecretKey::from_bytes(&[index + 1; 32])
}

pub fn voter(index: u8) -> Voter {
    Voter::new(member(index), key(index))
}

pub fn committee(size: u8) -> Committee {
    let members = (0..size).map(|i| CommitteeMember { member: member(i), key: key(i).public() });
    Committee::new(members.collect()).unwrap()
}

pub fn pace() -> Pace {
    Pace { block_interval: Duration::from_millis(50), idle_interval: Duration::from_millis(1_000), max_drift: Duration::from_millis(2_000) }
}

pub fn settings(index: u8) -> Settings {
    Settings {
        chain: chain_id(),
        voter: Some(voter(index)),
        pace: pace(),
        timeouts: Timeouts::default(),
        target_time: None,
        silent_until: None,
        replayed: None,
        started: at(0),
        signatures: SignatureCheck::default(),
    }
}

/// The index of the member that proposes (height, round) in a committee of four.
pub fn proposer(height: u64, round: u32) -> u8 {
    let proposer = committee(4).proposer(Height::new(height), Round::new(round)).unwrap().member;
    (0..4).find(|i| member(*i) == proposer).unwrap()
}

pub struct ChainState {
    pub blocks: Vec<(Block, Certificate)>,
    pub size: u8,
    pub outlook: Outlook,
    pub verdict: Option<Verdict>,
    pub validated: usize,
    pub fail_commit: bool,
    /// The last block, while it is not durable.
    pub behind: Option<Height>,
    /// Blocks that were executed before they were decided.
    pub prepared: Vec<BlockId>,
    pub finalized: Vec<(Certificate, Vec<DoubleSign>)>,
    pub payload: u64,
    pub heights: tokio::sync::watch::Sender<u64>,
}

/// A chain that tests can look into.
#[derive(Clone)]
pub struct MemoryChain(pub Arc<Mutex<ChainState>>);

pub fn genesis_block() -> BlockId {
    BlockId::from_hash(chain_id().hash())
}

impl MemoryChain {
    pub fn new(size: u8) -> Self {
        MemoryChain(Arc::new(Mutex::new(ChainState {
            blocks: vec![],
            size,
            outlook: Outlook::Work,
            verdict: None,
            validated: 0,
            fail_commit: false,
            behind: None,
            prepared: vec![],
            finalized: vec![],
            payload: 0,
            heights: tokio::sync::watch::Sender::new(0),
        })))
    }

    pub fn with<R>(&self, f: impl FnOnce(&mut ChainState) -> R) -> R {
        f(&mut self.0.lock().unwrap())
    }

    pub fn header(&self, round: u32, proposer: MemberId, time: BlockTime) -> Header {
        let tip = self.tip();
        let hash = |name: &[u8]| Hash::of_parts(Domain::StateValue, &[name, tip.block.hash().as_bytes()]);
        let committee = committee(self.with(|s| s.size)).hash();
        let parent = self.with(|s| s.blocks.last().map(|(_, c)| c.hash()));
        Header {
            version: ProtocolVersion::V1,
            chain: chain_id(),
            height: tip.height.next().unwrap(),
            time,
            creation_round: Round::new(round),
            proposer,
            parent: tip.block,
            parent_certificate: parent.unwrap_or(Hash::ZERO),
            transactions_root: transactions_root([]),
            state_root: hash(b"state"),
            receipts_root: hash(b"receipts"),
            history_root: hash(b"history"),
            committee,
            next_committee: committee,
        }
    }

    pub fn block(&self, round: u32, proposer: MemberId, time: BlockTime) -> Block {
        let parent_certificate = self.with(|s| s.blocks.last().map(|(_, c)| c.clone()));
        Block { header: self.header(round, proposer, time), body: Body { parent_certificate, transactions: vec![] } }
    }
}

impl ChainPort for MemoryChain {
    fn tip(&self) -> Tip {
        self.with(|s| match s.blocks.last() {
            Some((block, _)) => Tip { height: block.header.height, block: block.id(), time: block.header.time },
            None => Tip { height: Height::GENESIS, block: genesis_block(), time: at(0) },
        })
    }

    fn committee(&self, _: Height) -> Option<Committee> {
        Some(committee(self.with(|s| s.size)))
    }

    fn validate(&mut self, block: &mut Block) -> Result<Verdict, PortError> {
        let forced = self.with(|s| {
            s.validated += 1;
            s.verdict.clone()
        });
        if let Some(verdict) = forced {
            return Ok(verdict);
        }
        let header = &block.header;
        let own = self.header(header.creation_round.get(), header.proposer, header.time);
        let body = block.body.parent_certificate.as_ref().map_or(Hash::ZERO, Certificate::hash);
        Ok(if body != header.parent_certificate {
            Verdict::ForeignBody("another parent certificate".into())
        } else if own.state_root != header.state_root {
            let difference = RootDifference { root: "state_root", header: header.state_root, computed: own.state_root };
            Verdict::RootsDiffer(vec![difference])
        } else if own.parent != header.parent {
            Verdict::Invalid("another parent".into())
        } else {
            Verdict::Valid
        })
    }

    fn outlook(&self, _: BlockTime) -> Outlook {
        self.with(|s| s.outlook)
    }

    fn build(&mut self, request: BuildRequest) -> Result<Block, PortError> {
        let mut block = self.block(request.creation_round.get(), request.proposer, request.time);
        // Stands for what is in the mempool at that moment.
        block.header.receipts_root = Hash::of(Domain::Receipts, &self.with(|s| s.payload).to_le_bytes());
        Ok(block)
    }

    fn commit(&mut self, block: &Block, certificate: &Certificate) -> Result<(), PortError> {
        if self.with(|s| s.fail_commit) {
            return Err(PortError::new("commit", "disk full"));
        }
        certificate.verify(chain_id(), &committee(self.with(|s| s.size))).map_err(|e| PortError::new("commit", e))?;
        assert_eq!(certificate.block, block.id());
        self.with(|s| {
            s.blocks.push((block.clone(), certificate.clone()));
            s.heights.send_replace(block.header.height.get());
        });
        Ok(())
    }

    fn prepare(&mut self, block: &Block) -> Result<(), PortError> {
        self.with(|s| s.prepared.push(block.id()));
        Ok(())
    }

    fn commit_behind(&mut self, block: &Block, certificate: &Certificate) -> Result<(), PortError> {
        self.commit(block, certificate)?;
        self.with(|s| s.behind = Some(block.header.height));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), PortError> {
        self.with(|s| s.behind = None);
        Ok(())
    }

    fn finalized(&mut self, certificate: &Certificate, evidence: Vec<DoubleSign>) {
        self.with(|s| s.finalized.push((certificate.clone(), evidence)));
    }

    fn decided(&self, heights: RangeInclusive<Height>, _: usize) -> Result<Vec<DecidedBlock>, PortError> {
        self.with(|s| {
            let wanted = s.blocks.iter().filter(|(b, _)| heights.contains(&b.header.height));
            Ok(wanted.map(|(b, c)| DecidedBlock { block: codec::encode(b), certificate: c.clone() }).collect())
        })
    }

    fn min_height(&self) -> Height {
        Height::new(1)
    }
}

type Proposals = BTreeMap<(Height, BlockId), Vec<u8>>;

/// Proposals that outlive a handler.
#[derive(Clone, Default)]
pub struct MemoryProposals(pub Arc<Mutex<Proposals>>);

impl ProposalStore for MemoryProposals {
    fn put(&mut self, height: Height, block: BlockId, bytes: &[u8]) -> Result<(), PortError> {
        self.0.lock().unwrap().insert((height, block), bytes.to_vec());
        Ok(())
    }

    fn get(&self, height: Height, block: BlockId) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.0.lock().unwrap().get(&(height, block)).cloned())
    }

    fn load(&self, height: Height) -> Result<Vec<Vec<u8>>, PortError> {
        let kept = self.0.lock().unwrap();
        Ok(kept.iter().filter(|((h, _), _)| *h == height).map(|(_, b)| b.clone()).collect())
    }

    fn prune(&mut self, height: Height) -> Result<(), PortError> {
        self.0.lock().unwrap().retain(|(h, _), _| *h > height);
        Ok(())
    }
}

/// A mark that outlives a guard, and can refuse to be saved.
#[derive(Clone, Default)]
pub struct MemoryMark {
    pub saved: Arc<Mutex<Option<Vec<u8>>>>,
    pub broken: Arc<std::sync::atomic::AtomicBool>,
}

impl MarkStore for MemoryMark {
    fn load(&self) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.saved.lock().unwrap().clone())
    }

    fn save(&mut self, mark: &[u8]) -> Result<(), PortError> {
        if self.broken.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(PortError::new("save the mark", "disk full"));
        }
        *self.saved.lock().unwrap() = Some(mark.to_vec());
        Ok(())
    }
}

/// A handler of hub `index` on a chain.
pub fn handler(index: u8, chain: &MemoryChain, proposals: &MemoryProposals) -> Handler {
    Handler::new(settings(index), Box::new(chain.clone()), Box::new(proposals.clone()), None).unwrap()
}

/// A certificate of `signers` for a block.
pub fn certificate(block: &Block, round: u32, signers: impl IntoIterator<Item = u8>) -> Certificate {
    let (height, round) = (block.header.height, Round::new(round));
    let message = precommit_bytes(chain_id(), height, round, Some(block.id()));
    let signatures = signers.into_iter().map(|i| CommitSignature { member: member(i), signature: key(i).sign(&message) });
    Certificate::new(height, round, block.id(), signatures.collect())
}

/// A peer id as of an ed25519 key: an identity multihash of its protobuf.
pub fn peer(index: u8) -> crate::network::PeerId {
    let mut bytes = vec![0, 36, 8, 1, 18, 32];
    bytes.extend_from_slice(key(index).public().as_bytes());
    crate::network::PeerId::from_bytes(&bytes).unwrap()
}
