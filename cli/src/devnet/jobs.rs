//! Compute jobs of the development network: who asks for which of the shipped requests, when, and what it takes.
//!
//! The four hubs with the smallest solar plants and a customer without a hub buy; the other eight hubs offer compute when they have solar surplus,
//! and machines by the hour at any time. Nobody does both, since the market refuses an order that would trade with one's own.

use super::community::{HUBS, LOT_WH};
use super::data::{self, Request};
use anyhow::Result;
use leg_ledger::transaction::Resource;

/// Slots of a block of delivery: compute is offered and run by the hour.
pub const HOUR_SLOTS: usize = 4;
/// Power of one busy CPU core with its share of board, fans and power supply, W.
const CORE_WATTS: u64 = 12;
/// Power of one busy GPU, W.
const GPU_WATTS: u64 = 350;
/// Power of 1 GiB of memory, mW.
const MEMORY_MILLIWATTS_PER_GIB: u64 = 375;
/// Machines that a hub offers by the hour, half of those of the genesis preset: what it sold counts in full until its meter completed it.
pub const MACHINES: u64 = 2;
/// Hubs that buy compute.
const BUYING_HUBS: usize = 4;
/// Index of the customer without a hub, after the hubs.
pub const CUSTOMER: usize = HUBS;

/// Energy of a job, Wh: the power of its cores, GPUs and memory times its duration, rounded up to whole lots.
///
/// ```text
/// W  = 12 x cores + 350 x GPUs + 0.375 x GiB        Wh = W x minutes / 60
/// ```
pub fn energy_wh(request: &Request, minutes: u64) -> u64 {
    let milliwatts =
        CORE_WATTS * request.milli_cores + GPU_WATTS * 1_000 * request.gpus + MEMORY_MILLIWATTS_PER_GIB * request.memory_mib / 1_024;
    (milliwatts * minutes).div_ceil(60 * 1_000).next_multiple_of(LOT_WH).max(LOT_WH)
}

/// How the seller and the buyer of a job behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Runs to its end; the buyer confirms.
    Confirmed,
    /// Runs to its end; the buyer is silent, which confirms after 24 hours.
    Silent,
    /// Breaks off after three quarters of its energy; the buyer confirms and pays for what was metered.
    BrokenOff,
}

/// One job: a request of the list that a buyer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Running number among those of its resource.
    pub number: usize,
    /// Who pays: a hub's index, or [`CUSTOMER`].
    pub buyer: usize,
    /// Compute, or compute-hours: machines for itself.
    pub resource: Resource,
    /// Whole lots: Wh of compute, milli-hours of a machine.
    pub quantity: u64,
    /// How it ends.
    pub ending: Ending,
}

impl Job {
    /// What its run really takes.
    pub fn delivered(&self) -> u64 {
        if self.ending == Ending::BrokenOff { self.quantity * 3 / 4 } else { self.quantity }
    }
}

/// The stream of jobs: at each full hour of the run two for compute, in the order of the list, which begins anew at its end, and one for machines
/// by the hour, in the order of those that ask for GPUs.
#[derive(Clone, Debug)]
pub struct Jobs {
    requests: Vec<Request>,
    /// GPUs of those that ask for some.
    gpus: Vec<u64>,
    buyers: Vec<usize>,
}

/// New jobs for compute at each full hour.
const JOBS_PER_HOUR: usize = 2;

/// 15, 30, 45 and 60 minutes in turn; a request that comes round again gets another duration, since 231 is odd.
fn minutes(number: usize) -> u64 {
    15 * (1 + number as u64 % HOUR_SLOTS as u64)
}

impl Jobs {
    /// The jobs of the shipped requests for a community with these solar plants, W.
    ///
    /// # Errors
    /// When the embedded file cannot be read.
    pub fn load(peak_watts: [u64; HUBS]) -> Result<Self> {
        let mut hubs: Vec<usize> = (0..HUBS).collect();
        hubs.sort_by_key(|hub| peak_watts[*hub]);
        hubs.truncate(BUYING_HUBS);
        hubs.push(CUSTOMER);
        let requests = data::requests()?;
        let gpus = requests.iter().map(|request| request.gpus).filter(|gpus| *gpus > 0).collect();
        Ok(Jobs { requests, gpus, buyers: hubs })
    }

    /// Who buys compute, machines and heat: hubs by index, then the customer.
    pub fn buyers(&self) -> &[usize] {
        &self.buyers
    }

    /// Whether a hub sells its servers' work.
    pub fn offers(&self, hub: usize) -> bool {
        !self.buyers.contains(&hub)
    }

    /// Jobs for compute that are asked for at the start of the given hour of the run.
    pub fn of_hour(&self, hour: usize) -> Vec<Job> {
        (hour * JOBS_PER_HOUR..(hour + 1) * JOBS_PER_HOUR).map(|number| self.job(number)).collect()
    }

    /// A job for compute by number.
    pub fn job(&self, number: usize) -> Job {
        let request = &self.requests[number % self.requests.len()];
        self.of(number, Resource::Compute, energy_wh(request, minutes(number)))
    }

    /// The job for machines that is asked for at the start of the given hour of the run: one machine for each GPU, at most those that a hub offers. `None` if no
    /// request needs a GPU.
    pub fn rental(&self, hour: usize) -> Option<Job> {
        let machines = self.gpus.get(hour.checked_rem(self.gpus.len())?)?.min(&MACHINES);
        Some(self.of(hour, Resource::ComputeHours, machines * minutes(hour) * 1_000 / 60))
    }

    fn of(&self, number: usize, resource: Resource, quantity: u64) -> Job {
        let buyer = self.buyers[number % self.buyers.len()];
        let ending = match number % 16 {
            7 => Ending::BrokenOff,
            n if n % 4 == 2 => Ending::Silent,
            _ => Ending::Confirmed,
        };
        Job { number, buyer, resource, quantity, ending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_and_duration_become_whole_lots() {
        let request = |milli_cores, memory_mib, gpus| Request { name: String::new(), milli_cores, memory_mib, gpus };
        assert_eq!(energy_wh(&request(4_000, 16 * 1_024, 1), 60), 410, "48 + 350 + 6 = 404 W for an hour");
        assert_eq!(energy_wh(&request(100, 512, 0), 15), 10, "the least is a lot");
        assert_eq!(energy_wh(&request(64_000, 0, 0), 30), 390, "768 W for half an hour are 384 Wh");
    }

    #[test]
    fn every_buyer_and_every_ending_has_its_turn() {
        let jobs = Jobs::load(leg_genesis::STANDARD_SOLAR_PEAK_WATTS).unwrap();
        let all: Vec<Job> = (0..168).flat_map(|hour| jobs.of_hour(hour)).collect();
        assert_eq!(all.len(), 336);
        // Plants of 27.3, 36.1, 36.3 and 49.4 kW.
        for buyer in [10, 2, 11, 5, CUSTOMER] {
            assert!(all.iter().any(|j| j.buyer == buyer), "{buyer}");
            assert!(!jobs.offers(buyer) || buyer == CUSTOMER);
        }
        assert!(all.iter().all(|j| !(0..HUBS).any(|hub| jobs.offers(hub) && hub == j.buyer)));
        for ending in [Ending::Confirmed, Ending::Silent, Ending::BrokenOff] {
            assert!(all.iter().any(|j| j.ending == ending), "{ending:?}");
        }
        assert!(all.iter().all(|j| j.quantity > 0 && j.quantity.is_multiple_of(LOT_WH) && j.delivered() <= j.quantity));
    }

    #[test]
    fn every_hour_has_a_job_for_the_machines_of_one_hub() {
        let jobs = Jobs::load(leg_genesis::STANDARD_SOLAR_PEAK_WATTS).unwrap();
        let all: Vec<Job> = (0..168).map(|hour| jobs.rental(hour).unwrap()).collect();
        assert!(all.iter().all(|j| j.resource == Resource::ComputeHours && j.quantity.is_multiple_of(LOT_WH)));
        assert!(all.iter().all(|j| (250..=2_000).contains(&j.quantity)), "at most two machines for an hour");
        assert!(all.iter().any(|j| j.quantity > 1_000), "several GPUs are several machines");
    }
}
