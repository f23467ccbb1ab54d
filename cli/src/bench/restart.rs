//! Restarting: a node with a large state, from the start of its process to its first answer.
//!
//! The state is written to a store as a node keeps it; then the node starts as `leg start` does: it reads all entries, rebuilds the tree and
//! compares the root. The files are in the system's cache, as after a crash of the process.

use super::books::{Books, Quote, resident_id};
use super::community::{CommunitySpec, HUBS};
use crate::devnet::clock::{Clock, SystemClock};
use crate::devnet::processes::NodeProcess;
use crate::devnet::setup::make_homes;
use anyhow::{Context, Result};
use leg_ledger::execute::Ledger;
use leg_ledger::transaction::Side;
use leg_node::storage::Store;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// How long a node took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// Entries of its state.
    pub entries: usize,
    /// From the start of its process to its first answer, s.
    pub seconds: f64,
}

/// Writes a state of at least `entries` entries and starts a node on it.
///
/// # Errors
/// The folder cannot be written, or the node does not start.
pub async fn run(entries: usize, folder: &Path, program: &Path) -> Result<Restart> {
    let origin = SystemClock.now();
    // A committee of one: nobody is waited for.
    let (genesis, secrets) = CommunitySpec::new(1, 0, origin).build()?;
    let prepared = make_homes(genesis, secrets, folder, &|_| ())?;
    let place = prepared.places.into_iter().next().context("a network has a node")?;
    let chain = prepared.genesis.chain_id();
    let database = place.home.path().join("data").join("db");
    let made = tokio::task::spawn_blocking(move || -> Result<usize> {
        let mut books = Books::of(prepared.genesis)?;
        fill(&mut books, entries)?;
        let found = books.state.len();
        let ledger = Ledger::genesis(chain, books.state).context("the state of the benchmark")?;
        std::fs::create_dir_all(&database).with_context(|| format!("cannot make the folder {}", database.display()))?;
        Store::open(&database, chain)?.found(chain, ledger.tip(), ledger.state())?;
        Ok(found)
    });
    let entries = made.await.context("making the state ended")??;
    let begun = Instant::now();
    let mut process = NodeProcess::start(program, place)?;
    process.ready().await?;
    let seconds = begun.elapsed().as_secs_f64();
    process.ask_to_stop()?;
    process.ended().await?;
    Ok(Restart { entries, seconds })
}

/// A third members, a third accounts, a third open orders.
fn fill(books: &mut Books, entries: usize) -> Result<()> {
    let residents = entries.div_ceil(3).saturating_sub(HUBS).max(1);
    books.add_residents(0..residents)?;
    let quote = |number: usize| -> Result<Quote> {
        let (side, percent) = if number.is_multiple_of(2) { (Side::Bid, 70) } else { (Side::Ask, 130) };
        let product = books.energy(number as u64);
        Ok(Quote { member: resident_id(number % residents)?, side, product, percent, lots: 1 + (number % 60) as u64 })
    };
    let quotes: Vec<Quote> = (0..entries.saturating_sub(books.state.len())).map(quote).collect::<Result<_>>()?;
    books.place(&quotes)
}
