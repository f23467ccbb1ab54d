//! The signing clients: threads of their own, so that their CPU is counted apart, which sign just in time.
//!
//! A transaction lives 1 000 blocks at most, so that none can be prepared before the run: each thread keeps a short queue filled, on top of the
//! newest block that the load has heard of.

use super::community::hub_id;
use super::mix::{Mix, share};
use super::usage::thread_cpu;
use crate::devnet::clock::{Clock, SystemClock};
use crate::devnet::wallet::Wallet;
use anyhow::{Context, Result};
use leg_genesis::MemberSecrets;
use leg_ledger::codec;
use leg_ledger::ids::{ChainId, Height, MemberId, TransactionId};
use leg_ledger::member::KeyRole;
use leg_ledger::time::MarketTime;
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;

/// A transaction, ready to be sent.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Its id.
    pub id: TransactionId,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// The same for the swarm, which takes what its sender vouches for; only where the load goes there.
    pub vouched: Option<Verified>,
}

/// What all signing threads need to know.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The network.
    pub chain: ChainId,
    /// Keys of all members.
    pub secrets: Arc<BTreeMap<MemberId, MemberSecrets>>,
    /// The newest block that the load has heard of.
    pub tip: Arc<AtomicU64>,
    /// Orders that share a signature.
    pub orders: usize,
    /// Prepare for the swarm.
    pub vouch: bool,
    /// Of the mix.
    pub seed: u64,
    /// Transactions that wait to be sent, in each thread's queue.
    pub queue: usize,
}

/// Running signing threads. They end when what they sign is no longer received.
#[derive(Debug)]
pub struct Signers {
    threads: Vec<JoinHandle<Result<()>>>,
    /// CPU of each thread, ns.
    cpu: Vec<Arc<AtomicU64>>,
}

impl Signers {
    /// Starts `count` threads, which share the hubs between them.
    ///
    /// # Errors
    /// A hub without keys, or no thread.
    pub fn start(signing: &Signing, count: usize) -> Result<(Signers, mpsc::Receiver<Ready>)> {
        let (out, ready) = mpsc::channel(signing.queue.max(1));
        let mut signers = Signers { threads: Vec::new(), cpu: Vec::new() };
        for part in 0..count {
            let cpu = Arc::new(AtomicU64::new(0));
            let mut signer = Signer::new(signing.clone(), part, count, cpu.clone())?;
            let out = out.clone();
            let thread = std::thread::Builder::new().name(format!("signer-{part}")).spawn(move || signer.run(&out));
            signers.threads.push(thread.context("no thread for a signing client")?);
            signers.cpu.push(cpu);
        }
        Ok((signers, ready))
    }

    /// CPU of all of them so far.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu.iter().map(|cpu| cpu.load(Ordering::Relaxed)).sum())
    }

    /// Waits for their end; the receiver MUST have been dropped.
    ///
    /// # Errors
    /// One of them failed.
    pub fn join(self) -> Result<()> {
        for thread in self.threads {
            match thread.join() {
                Ok(ended) => ended?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    }
}

struct Signer {
    signing: Signing,
    mix: Mix,
    first: usize,
    wallets: Vec<Wallet>,
    cpu: Arc<AtomicU64>,
}

impl Signer {
    fn new(signing: Signing, part: usize, parts: usize, cpu: Arc<AtomicU64>) -> Result<Self> {
        let hubs = share(part, parts);
        let now = SystemClock.now().ms();
        let wallet = |hub: usize| -> Result<Wallet> {
            let id = hub_id(hub)?;
            let secrets = signing.secrets.get(&id).with_context(|| format!("no keys of {id}"))?;
            Ok(Wallet::new(id, secrets.clone(), signing.chain, now))
        };
        let wallets = hubs.clone().map(wallet).collect::<Result<_>>()?;
        let mix = Mix::new(signing.seed.wrapping_mul(1_000).wrapping_add(part as u64));
        Ok(Signer { signing, mix, first: hubs.start, wallets, cpu })
    }

    fn run(&mut self, out: &mpsc::Sender<Ready>) -> Result<()> {
        loop {
            let ready = self.next()?;
            self.cpu.store(u64::try_from(thread_cpu()?.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
            if out.blocking_send(ready).is_err() {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<Ready> {
        let hub = self.mix.hub(0..self.wallets.len());
        let now = MarketTime::from_ms(SystemClock.now().ms());
        let actions = self.mix.orders(self.first + hub, self.signing.orders, now);
        let tip = Height::new(self.signing.tip.load(Ordering::Relaxed));
        let wallet = &mut self.wallets[hub];
        let transaction = wallet.sign(KeyRole::Operator, tip, actions);
        let key = self.signing.secrets.get(&wallet.member()).map(|secrets| secrets.operator.public());
        let bytes = codec::encode(&transaction);
        let id = transaction.id();
        let vouched = if self.signing.vouch { Some(vouch(transaction, self.signing.chain, key)?) } else { None };
        Ok(Ready { id, bytes, vouched })
    }
}

fn vouch(transaction: SignedTransaction, chain: ChainId, key: Option<leg_ledger::signature::PublicKey>) -> Result<Verified> {
    let key = key.context("a signing member has a key")?;
    transaction.assume_verified(chain, key).context("a transaction of the mix")
}
