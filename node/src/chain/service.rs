//! Validating, building and committing blocks: the only place where the committed chain moves on.

use super::ahead::Prepared;
use super::behind::Writer;
use super::handle::{ChainHandle, Shared};
use super::judging::{check, is_body_of, share};
use super::outgoing::{Outgoing, Writing};
use super::pool::{TakeBudget, TransactionPool};
use crate::storage::StoreError;
use leg_consensus::ports::{BuildRequest, Verdict};
use leg_ledger::block::{Block, Body, Certificate};
use leg_ledger::codec;
use leg_ledger::execute::{Advance, Executed, Fault, Invalid, Ledger, ProposalFacts};
use leg_ledger::hash::Hash;
use leg_ledger::history::Peaks;
use leg_ledger::ids::{BlockId, Height};
use leg_ledger::limits::{HARD_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS};
use leg_ledger::transaction::Verified;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Blocks whose verified transactions are kept until one of them is committed; a block beyond it is verified again.
const MAX_VALIDATED: usize = 16;
/// Actions from which on a block is written beside the move of the state: several times what starting a thread for it takes.
const LARGE_BLOCK: usize = 256;

/// Why a decided block could not become the tip. Fatal.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// It is certified, but not valid here.
    #[error("the block is certified, but not valid here: {0}")]
    NotValid(String),
    /// The certificate is of another block.
    #[error("the certificate is of block {certificate}, not of {block}")]
    OtherCertificate {
        /// What the certificate certifies.
        certificate: BlockId,
        /// What was to be committed.
        block: BlockId,
    },
    /// Executing it failed.
    #[error("executing the block failed: {0}")]
    Fault(#[from] Fault),
    /// It could not be made durable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Owner of the chain. Lives on the consensus thread; its errors stop the process.
pub struct Service {
    shared: Arc<Shared>,
    pool: Arc<dyn TransactionPool>,
    cores: NonZeroUsize,
    /// Of the tip; feeds the next block.
    certificate: Option<Certificate>,
    /// Verified transactions of valid blocks on the tip.
    validated: BTreeMap<BlockId, Vec<Verified>>,
    /// A block that was executed on the tip before it was decided.
    prepared: Option<Prepared>,
    /// The newest block, while it is written.
    writing: Option<Writing>,
    /// Who writes blocks behind, once there were any.
    behind: Option<Writer>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let flushed = self.flush().and_then(|()| self.behind.take().map_or(Ok(()), |writer| Ok(writer.finish()?)));
        if let Err(error) = flushed {
            tracing::error!(%error, "the last blocks are not in the store; they will be fetched again");
        }
    }
}

impl ChainHandle {
    /// The service of this chain. MUST be made at most once: there is one owner.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn service(&self, pool: Arc<dyn TransactionPool>) -> Result<Service, StoreError> {
        let tip = self.tip();
        let certificate = self.store().certificate(tip.height)?;
        self.shared.ahead.moved(tip.height, tip.block);
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Service {
            shared: Arc::clone(&self.shared),
            pool,
            cores,
            certificate,
            validated: BTreeMap::new(),
            prepared: None,
            writing: None,
            behind: None,
        })
    }
}

impl Service {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn pool(&self) -> &dyn TransactionPool {
        self.pool.as_ref()
    }

    /// Judges a block on the tip; see [`leg_consensus::ports::ChainPort::validate`].
    pub fn judge(&mut self, block: &mut Block) -> Verdict {
        let id = block.id();
        if !self.is_prepared(id)
            && let Some(prepared) = self.shared.ahead.take(id)
        {
            self.prepared = Some(prepared);
        }
        if self.prepared.as_ref().is_some_and(|prepared| prepared.block == *block) {
            return Verdict::Valid;
        }
        if let Some(verified) = self.validated.get(&id)
            && is_body_of(verified, block)
        {
            return Verdict::Valid;
        }
        let pool = Arc::clone(&self.pool);
        let found = share(block, pool.as_ref());
        let judged = check(&self.shared.latest(), block, found, pool.as_ref(), self.cores);
        match judged {
            Ok((verified, fresh)) => {
                pool.remember(&fresh);
                if self.validated.len() >= MAX_VALIDATED {
                    self.validated.pop_first();
                }
                self.validated.insert(id, verified);
                Verdict::Valid
            }
            Err(verdict) => verdict,
        }
    }

    /// Builds a block on the tip from what the pool holds; see [`leg_consensus::ports::ChainPort::build`].
    ///
    /// # Errors
    /// [`Invalid`] when even an empty block is not valid here: a bug.
    pub fn assemble(&mut self, request: &BuildRequest) -> Result<Block, Invalid> {
        let ledger = self.shared.latest();
        let empty = block_of(&ledger, request, self.certificate.clone(), &[]);
        let budget = budget(&ledger, request, &empty);
        let admissible = |verified: &Verified| ledger.admissible(verified.transaction()).is_ok_and(|key| key == verified.key());
        let taken = self.pool.take(budget, &admissible);
        let block = block_of(&ledger, request, self.certificate.clone(), &taken);
        match ledger.check_admitted(&block, &taken) {
            Ok(()) => {
                drop(ledger);
                self.validated.insert(block.id(), taken);
                Ok(block)
            }
            // The pool broke its contract. An empty block keeps the network going.
            Err(invalid) if !taken.is_empty() => {
                tracing::error!(%invalid, "the pool's choice is not a valid block; proposing an empty one");
                ledger.check_admitted(&empty, &[])?;
                Ok(empty)
            }
            Err(invalid) => Err(invalid),
        }
    }

    /// Executes a decided block, makes it durable, moves on and publishes it.
    ///
    /// # Errors
    /// [`CommitError`]; the caller MUST stop the process.
    pub fn on_decided(&mut self, block: &Block, certificate: &Certificate) -> Result<(), CommitError> {
        let (outgoing, advance) = self.execute(block, certificate)?;
        if outgoing.receipts.len() >= LARGE_BLOCK {
            self.start_writing(outgoing, advance)?;
            return self.flush();
        }
        self.flush()?;
        outgoing.write(&self.shared)?;
        self.advance(advance, outgoing.peaks.clone(), certificate.clone());
        outgoing.publish(&self.shared, self.pool.as_ref());
        Ok(())
    }

    /// The same, but the block is written behind, maybe with others: nobody reads it, or hears of it, before it is durable, while this thread goes
    /// on.
    ///
    /// # Errors
    /// [`CommitError`], of this block or of an earlier one; the caller MUST stop the process.
    pub fn on_decided_behind(&mut self, block: &Block, certificate: &Certificate) -> Result<(), CommitError> {
        let (outgoing, advance) = self.execute(block, certificate)?;
        if self.behind.is_none() {
            self.flush()?;
            self.behind = Some(Writer::start(&self.shared, Arc::clone(&self.pool))?);
        }
        self.shared.gate.close();
        self.advance(advance, outgoing.peaks.clone(), certificate.clone());
        match self.behind.as_ref().map(|writer| writer.take(outgoing)) {
            Some(Ok(())) => Ok(()),
            _ => {
                // The block is lost, and the process about to stop: nobody has to wait for it.
                self.shared.gate.open(1);
                self.flush()?;
                Err(StoreError::Failed.into())
            }
        }
    }

    /// Waits until everything that was committed is durable and published.
    ///
    /// # Errors
    /// [`CommitError::Store`]; the caller MUST stop the process.
    pub fn flush(&mut self) -> Result<(), CommitError> {
        if let Some(writing) = self.writing.take() {
            writing.finish()?;
        }
        match self.behind.take_if(|writer| !writer.flush()) {
            Some(failed) => Ok(failed.finish()?),
            None => Ok(()),
        }
    }

    /// Executes a valid block on the tip that is about to be decided, so that committing it need not.
    ///
    /// # Errors
    /// [`CommitError`]; the caller MUST stop the process.
    pub fn prepare(&mut self, block: &Block) -> Result<(), CommitError> {
        if !self.is_prepared(block.id()) {
            self.prepared = Some(self.run(block)?);
        }
        Ok(())
    }

    fn is_prepared(&self, id: BlockId) -> bool {
        self.prepared.as_ref().is_some_and(|prepared| prepared.id() == id)
    }

    fn run(&mut self, block: &Block) -> Result<Prepared, CommitError> {
        let id = block.id();
        self.require_valid(id, block)?;
        if let Some(prepared) = self.prepared.take_if(|prepared| prepared.id() == id) {
            return Ok(prepared);
        }
        let verified = self.validated.remove(&id);
        let verified = verified.ok_or_else(|| CommitError::NotValid("its verified transactions are gone".to_owned()))?;
        Ok(Prepared::execute(&self.shared.latest(), block.clone(), verified)?)
    }

    fn execute(&mut self, block: &Block, certificate: &Certificate) -> Result<(Outgoing, Advance), CommitError> {
        let id = block.id();
        if certificate.block != id {
            return Err(CommitError::OtherCertificate { certificate: certificate.block, block: id });
        }
        let prepared = match self.prepared.take().filter(|prepared| prepared.id() == id) {
            Some(prepared) => prepared,
            None => self.run(block)?,
        };
        let Prepared { block, transactions, executed } = prepared;
        let Executed { tip, entries, receipts, events, records, encoded, history_nodes, peaks, advance, .. } = executed;
        let certificate = certificate.clone();
        let outgoing =
            Outgoing { block, certificate, transactions, tip, entries, records, encoded, history_nodes, peaks, receipts, events };
        Ok((outgoing, advance))
    }

    /// Has a thread of its own write the block, one at a time, while this one moves the state on.
    fn start_writing(&mut self, block: Outgoing, advance: Advance) -> Result<(), CommitError> {
        self.flush()?;
        let (certificate, peaks) = (block.certificate.clone(), block.peaks.clone());
        let (writing, moving) = Writing::start(block, Arc::clone(&self.shared), Arc::clone(&self.pool))?;
        self.shared.gate.close();
        self.advance(advance, peaks, certificate);
        drop(moving);
        self.writing = Some(writing);
        Ok(())
    }

    fn advance(&mut self, advance: Advance, peaks: Peaks, certificate: Certificate) {
        let moved = self.shared.advance(advance, peaks);
        assert!(moved, "block {} was executed on another tip than this one thread's", certificate.block);
        self.shared.ahead.moved(certificate.height, certificate.block);
        self.certificate = Some(certificate);
        self.validated.clear();
        self.prepared = None;
    }

    /// Judges a block that is to be executed, unless it was judged before. Valid, it is prepared or its transactions are there, verified.
    fn require_valid(&mut self, id: BlockId, block: &Block) -> Result<(), CommitError> {
        if self.validated.get(&id).is_some_and(|verified| is_body_of(verified, block)) {
            return Ok(());
        }
        match self.judge(&mut block.clone()) {
            Verdict::Valid => Ok(()),
            Verdict::ForeignBody(reason) | Verdict::Invalid(reason) => Err(CommitError::NotValid(reason)),
            Verdict::RootsDiffer(differences) => {
                let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
                Err(CommitError::NotValid(lines.join("; ")))
            }
        }
    }

    /// Takes a certificate of the tip with more signatures, as the parent certificate of the next block.
    pub fn improve_certificate(&mut self, certificate: &Certificate) {
        let tip = *self.shared.latest().tip();
        let more = self.certificate.as_ref().is_none_or(|known| certificate.signatures.len() > known.signatures.len());
        if certificate.block != tip.block || certificate.height != tip.height || !more {
            return;
        }
        let ledger = self.shared.latest();
        let Some(committee) = ledger.committee(tip.height) else { return };
        match certificate.verify(ledger.chain(), committee) {
            Ok(()) => self.certificate = Some(certificate.clone()),
            Err(error) => tracing::warn!(%error, height = %tip.height, "a later certificate does not verify and is not used"),
        }
    }
}

fn block_of(ledger: &Ledger, request: &BuildRequest, certificate: Option<Certificate>, transactions: &[Verified]) -> Block {
    let header = ledger.header(&ProposalFacts {
        time: request.time,
        creation_round: request.creation_round,
        proposer: request.proposer,
        parent_certificate: certificate.as_ref().map_or(Hash::ZERO, Certificate::hash),
        commitments: transactions.iter().map(Verified::commitment).collect(),
    });
    let transactions = transactions.iter().map(|verified| verified.transaction().clone()).collect();
    Block { header, body: Body { parent_certificate: certificate, transactions } }
}

/// What is left of the caps beside header and certificate.
fn budget(ledger: &Ledger, request: &BuildRequest, empty: &Block) -> TakeBudget {
    let (bytes, of_member) = ledger.params().map_or((0, 0), |p| (p.max_block_bytes, p.max_member_transactions));
    let bytes = usize::try_from(bytes).unwrap_or(HARD_BLOCK_BYTES).min(HARD_BLOCK_BYTES).min(request.max_bytes);
    TakeBudget {
        height: request.height,
        max_bytes: bytes.saturating_sub(codec::encode(empty).len()),
        max_transactions: MAX_BLOCK_TRANSACTIONS,
        max_member_transactions: usize::try_from(of_member).unwrap_or(usize::MAX),
    }
}

impl Service {
    /// The height of the next block.
    pub fn next_height(&self) -> Height {
        self.shared.latest().next_height()
    }
}
