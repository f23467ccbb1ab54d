//! A whole run: make the network, start its nodes, replay, verify, report.
//!
//! **The fastest speed.** Market time is fixed by the genesis, so a running network cannot be made faster. `--speed max` therefore tries speeds
//! from the fastest down, each on a fresh network: first a short probe through a sunny morning, which has every kind of work; the first speed at
//! which each slot of the probe closes in time and no trade misses a deadline is used for the run. Does a slot of the run close late after all,
//! the run is begun anew at the next lower speed. What was tried is in the report.

use super::archive::Archive;
use super::audit::Auditor;
use super::clock::{Clock, SystemClock};
use super::community::{Community, HOUSEHOLDS_PER_HUB, HUBS};
use super::data::WEEK_SLOTS;
use super::jobs::Jobs;
use super::oracles::{ORACLES, Oracles};
use super::plan::{FORECAST_LEAD, Plan, Span, hub_id};
use super::pricing::Pricing;
use super::processes::NodeProcess;
use super::replay::{Finished, Network, Replay, slots_per_second};
use super::report::{AtNodes, Attempt, NetworkReport, Report, RunReport};
use super::screen::{Screen, summary};
use super::setup::{DevnetSetup, NodePlace, Prepared, prepare};
use super::verify::{Asked, compare_account, compare_roots};
use super::wallet::Wallet;
use crate::client::{HttpNode, LedgerApi};
use crate::signals::asked_to_stop;
use anyhow::{Context, Result, bail, ensure};
use leg_genesis::DEVNET_LEG;
use leg_ledger::ids::{LegId, MemberId};
use leg_ledger::member::Role;
use leg_ledger::time::{BlockTime, SLOT_MS, Slot};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

/// Speeds that `--speed max` tries, slots a second, the fastest first.
const SPEEDS: [u32; 8] = [12, 8, 6, 5, 4, 3, 2, 1];
/// A probe: Monday 08:00 to 14:00 of the data.
const PROBE: (usize, usize) = (32, 24);
/// Market time that passes between the last look at the clock and the first tick of a run, ms of the clock.
const HEAD_START_MS: u64 = 500;

/// How fast market time runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// Slots a second.
    SlotsPerSecond(f64),
    /// The fastest at which each slot closes in time.
    Max,
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<f64>()) {
            ("max", _) => Ok(Speed::Max),
            // A slot in 900 seconds: market time is the clock's.
            ("real", _) => Ok(Speed::SlotsPerSecond(1_000.0 / SLOT_MS as f64)),
            (_, Ok(speed)) if (0.01..=100.0).contains(&speed) => Ok(Speed::SlotsPerSecond(speed)),
            _ => Err("a number of slots a second between 0.01 and 100, or max, or real".into()),
        }
    }
}

/// Market milliseconds in a millisecond for a number of slots a second.
fn scale(slots_per_second: f64) -> u32 {
    // At most 100 slots a second: 90 000.
    (slots_per_second * SLOT_MS as f64 / 1_000.0).round().max(1.0) as u32
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Nodes of the committee.
    pub nodes: usize,
    /// Nodes that follow.
    pub followers: usize,
    /// Slots of the run.
    pub slots: usize,
    /// First slot of the data.
    pub first_slot: usize,
    /// How fast.
    pub speed: Speed,
    /// All keys follow from it.
    pub seed: String,
    /// Folder of the network.
    pub home: PathBuf,
    /// Leave the network up.
    pub serve: bool,
    /// This program.
    pub program: PathBuf,
}

struct Running {
    prepared: Prepared,
    processes: Vec<NodeProcess>,
}

/// Runs and reports; with [`Options::serve`] until Ctrl-C or SIGTERM.
///
/// # Errors
/// What kept the run from its end. What is wrong with a run that came to its end is in the report.
pub async fn run(options: &Options, on_report: impl FnOnce(&Report) -> Result<()>) -> Result<Report> {
    let mut attempts = Vec::new();
    let speeds: Vec<f64> = match options.speed {
        Speed::SlotsPerSecond(speed) => vec![speed],
        Speed::Max => SPEEDS.iter().map(|s| f64::from(*s)).collect(),
    };
    let last = speeds.len() - 1;
    let mut probing = options.speed == Speed::Max;
    for (index, speed) in speeds.iter().enumerate() {
        // The slowest speed is run to its end whatever happens: its report says what is wrong.
        let strict = index < last;
        if probing && strict {
            if !probe(options, *speed, &mut attempts).await? {
                continue;
            }
            // From here on the run itself decides.
            probing = false;
        }
        let folder = options.home.join(format!("run-{}", attempts.len() + 1));
        let running = start(options, *speed, &folder).await?;
        let title = format!("{speed} slots a second");
        let (running, (done, archive)) = guarded(running, replay(options, options.slots, options.first_slot, strict, title)).await?;
        if !done.whole {
            attempts.push(Attempt { slots_per_second: *speed, slots: options.slots, in_time: false });
            eprintln!("{speed} slots a second are too fast for this run after all; trying a lower speed");
            stop(running).await?;
            continue;
        }
        return finish(options, running, (done, archive), attempts, on_report).await;
    }
    bail!("no speed was tried")
}

/// Tries a speed on a fresh network; true if each slot closed in time.
async fn probe(options: &Options, speed: f64, attempts: &mut Vec<Attempt>) -> Result<bool> {
    let (first, slots) = PROBE;
    let folder = options.home.join(format!("probe-{}", attempts.len() + 1));
    let running = start(options, speed, &folder).await?;
    let (running, (done, _)) = guarded(running, replay(options, slots, first, true, format!("probe at {speed}"))).await?;
    let in_time = done.whole && done.tracker.failures().is_empty();
    eprintln!("probe at {speed} slots a second: {}", if in_time { "each slot closed in time" } else { "too fast" });
    attempts.push(Attempt { slots_per_second: speed, slots, in_time });
    stop(running).await?;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(in_time)
}

async fn start(options: &Options, speed: f64, folder: &Path) -> Result<Running> {
    let setup = DevnetSetup { nodes: options.nodes, followers: options.followers, scale: scale(speed), seed: options.seed.clone() };
    let prepared = prepare(&setup, folder)?;
    let places = prepared.places.iter().cloned();
    let mut processes = places.map(|place| NodeProcess::start(&options.program, place)).collect::<Result<Vec<_>>>()?;
    for process in &mut processes {
        process.ready().await?;
    }
    Ok(Running { prepared, processes })
}

async fn stop(running: Running) -> Result<()> {
    // All are asked before one is waited for: a committee that loses its members one by one would stall the last ones.
    let mut failed: Option<anyhow::Error> = running.processes.iter().filter_map(|p| p.ask_to_stop().err()).next_back();
    for process in running.processes {
        if let Err(error) = process.ended().await {
            failed = Some(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// A job on a running network, by what it needs to know of it.
type Job<T> = Box<dyn for<'r> FnOnce(&'r Prepared, Vec<Arc<dyn LedgerApi>>) -> Pin<Box<dyn Future<Output = Result<T>> + 'r>>>;

/// Runs a job while the nodes run: a node that ends, Ctrl-C and SIGTERM end the job.
async fn guarded<T>(mut running: Running, job: Job<T>) -> Result<(Running, T)> {
    let clients: Vec<Arc<dyn LedgerApi>> =
        running.processes.iter().map(|p| Ok(Arc::new(p.client()?) as Arc<dyn LedgerApi>)).collect::<Result<_>>()?;
    let outcome = {
        let job = job(&running.prepared, clients);
        tokio::select! {
            outcome = job => outcome,
            signal = asked_to_stop() => signal.and_then(|()| bail!("stopped before the end of the run")),
        }
    };
    let mut ended = running.processes.iter_mut().filter_map(|p| p.check().err());
    match (outcome, ended.next()) {
        (Ok(value), None) => Ok((running, value)),
        (_, Some(error)) => Err(error),
        (Err(error), None) => {
            stop(running).await.ok();
            Err(error)
        }
    }
}

fn replay(options: &Options, slots: usize, first_slot: usize, strict: bool, title: String) -> Job<(Finished, Archive)> {
    let committee = options.nodes;
    Box::new(move |prepared, clients| {
        Box::pin(async move {
            let genesis = &prepared.genesis;
            let now = SystemClock.now().ms();
            let wallet = |id: MemberId| -> Result<Wallet> {
                let secrets = prepared.secrets.get(&id).with_context(|| format!("no keys of {id}"))?;
                Ok(Wallet::new(id, secrets.clone(), genesis.chain_id(), now))
            };
            let named = |name: &str| MemberId::parse(name).with_context(|| format!("{name} is no name"));
            let hubs = (0..HUBS).map(|hub| wallet(hub_id(hub).context("a hub's name")?));
            let mut members: Vec<Wallet> = hubs.collect::<Result<_>>()?;
            members.push(wallet(named("customer-01")?)?);
            let network = Network {
                // Members send through the committee's nodes; those that follow get everything by gossip.
                nodes: clients.into_iter().take(committee).collect(),
                clock: genesis.clock(),
                members,
                grid: wallet(named("grid")?)?,
                oracles: (1..=ORACLES).map(|number| wallet(named(&format!("oracle-{number:02}"))?)).collect::<Result<_>>()?,
                leg: LegId::parse(DEVNET_LEG).context("the community's name")?,
            };
            let community = Community::load()?;
            let jobs = Jobs::load(community.peak_watts())?;
            let begin = genesis.clock().market_time(BlockTime::from_ms(now + HEAD_START_MS)).slot().get();
            let first = Slot::new(begin + 1 + FORECAST_LEAD.unsigned_abs());
            let plan = Plan::new(community, jobs, Span { first, slots, data_offset: first_slot }, Pricing::new(genesis.params()));
            let zone = genesis.members().iter().find(|m| m.member.role == Role::Hub).context("the network has no hub")?;
            let oracles = Oracles::new(zone.member.location.canton, &plan);
            let mut screen = Screen::new(slots, &title);
            let replay = Replay::new(network, plan, oracles, Auditor::new(genesis)?, &SystemClock, strict);
            let hubs: Vec<HttpNode> = prepared.places.iter().take(committee).map(with_token).collect::<Result<_>>()?;
            // Either ends both when it fails.
            let done = tokio::try_join!(replay.run(&mut screen), Archive::store(&hubs));
            screen.clear();
            done
        })
    })
}

/// A client of a node that may sign with its hub's keys.
fn with_token(place: &NodePlace) -> Result<HttpNode> {
    HttpNode::new(&format!("http://{}", place.api), Some(place.home.load_token()?))
}

async fn finish(
    options: &Options,
    mut running: Running,
    (mut done, archive): (Finished, Archive),
    attempts: Vec<Attempt>,
    on_report: impl FnOnce(&Report) -> Result<()>,
) -> Result<Report> {
    let asked = |p: &NodeProcess| Ok(Asked { name: p.place.member.to_string(), node: p.client()? });
    let nodes: Vec<Asked> = running.processes.iter().map(asked).collect::<Result<_>>()?;
    let mut problems = Vec::new();
    let contents = archive.read_back(&mut problems).await;
    let compared = compare_roots(&mut done.auditor, &nodes).await.unwrap_or_else(|error| {
        problems.push(format!("{error:#}"));
        Vec::new()
    });
    for (index, member) in running.prepared.genesis.members().iter().enumerate() {
        if let Err(error) = compare_account(&mut done.auditor, &nodes[index % nodes.len()], member.member.id).await {
            problems.push(format!("{error:#}"));
        }
    }
    problems.extend(running.processes.iter_mut().filter_map(|p| p.check().err()).map(|error| format!("{error:#}")));
    let genesis = &running.prepared.genesis;
    let network = NetworkReport {
        chain_id: genesis.chain_id().to_string(),
        committee_nodes: options.nodes,
        followers: options.followers,
        hubs: HUBS,
        households: HUBS * HOUSEHOLDS_PER_HUB,
        seed: options.seed.clone(),
    };
    let run = RunReport {
        slots: options.slots,
        slots_per_second: slots_per_second(genesis.clock()),
        time_scale: genesis.clock().scale,
        took_seconds: done.took_ms as f64 / 1_000.0,
        late_slots: done.tracker.late().iter().copied().collect(),
        attempts,
    };
    let report = Report::of(&done, network, run, AtNodes { nodes: compared, contents, problems });
    println!("{}", summary(&report));
    on_report(&report)?;
    if options.serve {
        serve(&running).await?;
    }
    stop(running).await?;
    Ok(report)
}

/// Starts a network without a run and leaves it up until Ctrl-C or SIGTERM.
///
/// # Errors
/// A node does not start, or does not stop in order.
pub async fn serve_only(options: &Options) -> Result<()> {
    let Speed::SlotsPerSecond(speed) = options.speed else { bail!("--speed max needs a run; give --slots") };
    let mut running = start(options, speed, &options.home.join("run-1")).await?;
    serve(&running).await?;
    running.processes.iter_mut().try_for_each(NodeProcess::check)?;
    stop(running).await
}

async fn serve(running: &Running) -> Result<()> {
    println!("the network stays up until Ctrl-C:");
    for process in &running.processes {
        let place = &process.place;
        println!("  {:<12} http://{}  token {}", place.member.to_string(), place.api, place.home.load_token()?);
    }
    asked_to_stop().await
}

/// Checks what the command line cannot.
///
/// # Errors
/// Numbers that make no run.
pub fn check(options: &Options) -> Result<()> {
    ensure!((1..=HUBS).contains(&options.nodes), "--nodes: 1 to {HUBS}, the hubs of the community");
    ensure!(
        options.slots >= 4 || (options.slots == 0 && options.serve),
        "--slots: at least 4, one hour; or 0 with --serve, a network without a run"
    );
    ensure!(options.first_slot < WEEK_SLOTS, "--first-slot: the data has {WEEK_SLOTS} slots");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_become_scales() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        for (text, want) in [("1", 900), ("0.5", 450), ("12", 10_800), ("real", 1)] {
            let Ok(Speed::SlotsPerSecond(speed)) = text.parse() else { panic!("{text}") };
            assert_eq!(scale(speed), want);
        }
        for bad in ["0", "-1", "101", "fast", "NaN"] {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
    }
}
