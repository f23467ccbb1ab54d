//! Compute jobs of the development network: who asks for which of the shipped requests, when, and what it takes.
//!
//! The four hubs with the smallest solar plants and a customer without a hub buy; the other eight hubs offer when they have solar surplus.
//! Nobody does both, since the market refuses an order that would trade with one's own.

use super::community::{HUBS, LOT_WH};
use super::data::{self, Request};
use anyhow::Result;

/// Slots of a block of delivery: compute is offered and run by the hour.
pub const HOUR_SLOTS: usize = 4;
/// Power of one busy CPU core with its share of board, fans and power supply, W.
const CORE_WATTS: u64 = 12;
/// Power of one busy GPU, W.
const GPU_WATTS: u64 = 350;
/// Power of 1 GiB of memory, mW.
const MEMORY_MILLIWATTS_PER_GIB: u64 = 375;
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
    /// Running number.
    pub number: usize,
    /// Who pays: a hub's index, or [`CUSTOMER`].
    pub buyer: usize,
    /// Wh, whole lots.
    pub energy: u64,
    /// How it ends.
    pub ending: Ending,
}

impl Job {
    /// What its run really takes, Wh.
    pub fn delivered(&self) -> u64 {
        if self.ending == Ending::BrokenOff { self.energy * 3 / 4 } else { self.energy }
    }
}

/// The stream of jobs: two new ones at each full hour of the run, in the order of the list, which begins anew at its end.
#[derive(Clone, Debug)]
pub struct Jobs {
    requests: Vec<Request>,
    buyers: Vec<usize>,
}

/// New jobs at each full hour.
const JOBS_PER_HOUR: usize = 2;

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
        Ok(Jobs { requests: data::requests()?, buyers: hubs })
    }

    /// Whether a hub offers compute when it has solar surplus.
    pub fn offers(&self, hub: usize) -> bool {
        !self.buyers.contains(&hub)
    }

    /// Jobs that are asked for at the start of the given hour of the run.
    pub fn of_hour(&self, hour: usize) -> Vec<Job> {
        (hour * JOBS_PER_HOUR..(hour + 1) * JOBS_PER_HOUR).map(|number| self.job(number)).collect()
    }

    /// A job by number.
    pub fn job(&self, number: usize) -> Job {
        let request = &self.requests[number % self.requests.len()];
        // 15, 30, 45 and 60 minutes in turn; a request that comes round again gets another duration, since 231 is odd.
        let minutes = 15 * (1 + number as u64 % HOUR_SLOTS as u64);
        let buyer = self.buyers[number % self.buyers.len()];
        let ending = match number % 16 {
            7 => Ending::BrokenOff,
            n if n % 4 == 2 => Ending::Silent,
            _ => Ending::Confirmed,
        };
        Job { number, buyer, energy: energy_wh(request, minutes), ending }
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
        assert!(all.iter().all(|j| j.energy > 0 && j.energy.is_multiple_of(LOT_WH) && j.delivered() <= j.energy));
    }
}
