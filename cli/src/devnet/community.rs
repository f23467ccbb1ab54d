//! The community: twelve buildings of five households each, with what each of them draws, makes and has left in every slot.

use super::data::{HOUSEHOLDS, WEEK_SLOTS, Week};
use anyhow::Result;

/// Hubs of the community.
pub const HUBS: usize = 12;
/// Households of a hub.
pub const HOUSEHOLDS_PER_HUB: usize = HOUSEHOLDS / HUBS;
/// The lot of energy and compute, Wh.
pub const LOT_WH: u64 = 10;

/// What a building does in a slot, before its servers work. Wh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Drawn by its households.
    pub drawn: u64,
    /// Made by its solar plant.
    pub made: u64,
}

impl Balance {
    /// Made beyond what is drawn.
    pub fn surplus(&self) -> u64 {
        self.made.saturating_sub(self.drawn)
    }

    /// Drawn beyond what is made.
    pub fn deficit(&self) -> u64 {
        self.drawn.saturating_sub(self.made)
    }
}

/// The whole community over the week; a run longer than the week begins it anew.
#[derive(Clone, Debug)]
pub struct Community {
    balances: Vec<[Balance; HUBS]>,
    peak_watts: [u64; HUBS],
}

impl Community {
    /// The community of the shipped data.
    ///
    /// # Errors
    /// When the embedded files cannot be read.
    pub fn load() -> Result<Self> {
        let week = Week::load()?;
        let mut peak_watts = [0; HUBS];
        for (hub, peak) in peak_watts.iter_mut().enumerate() {
            *peak = week.peak_watts[households(hub)].iter().sum();
        }
        let balance = |slot: usize, hub: usize| Balance {
            drawn: week.drawn_wh[slot][households(hub)].iter().sum(),
            made: week.made_wh(slot, peak_watts[hub]),
        };
        let balances = (0..WEEK_SLOTS).map(|slot| std::array::from_fn(|hub| balance(slot, hub))).collect();
        Ok(Community { balances, peak_watts })
    }

    /// What a hub does in a slot of the run.
    pub fn balance(&self, slot: usize, hub: usize) -> Balance {
        self.balances[slot % WEEK_SLOTS][hub]
    }

    /// Peak power of each hub's solar plants, W.
    pub fn peak_watts(&self) -> [u64; HUBS] {
        self.peak_watts
    }
}

fn households(hub: usize) -> std::ops::Range<usize> {
    hub * HOUSEHOLDS_PER_HUB..(hub + 1) * HOUSEHOLDS_PER_HUB
}

/// Whole lots of an amount, Wh.
pub fn whole_lots(wh: u64) -> u64 {
    wh - wh % LOT_WH
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (slot, hub, drawn, made) worked out by hand from the text of the files.
    #[test]
    fn a_hubs_balance_is_that_of_its_five_households() {
        let community = Community::load().unwrap();
        for (slot, hub, drawn, made) in [(40, 0, 1_985, 4_385), (40, 7, 5_134, 4_340), (50, 10, 6_253, 1_400), (0, 3, 1_509, 0)] {
            assert_eq!(community.balance(slot, hub), Balance { drawn, made }, "slot {slot}, hub {hub}");
        }
        assert_eq!(community.balance(40, 0).surplus(), 2_400);
        assert_eq!(community.balance(40, 7).deficit(), 794);
        assert_eq!(community.balance(40 + WEEK_SLOTS, 0), community.balance(40, 0));
    }

    #[test]
    fn the_week_of_the_community_adds_up() {
        let community = Community::load().unwrap();
        let (mut deficit, mut surplus, mut local) = (0, 0, 0);
        for slot in 0..WEEK_SLOTS {
            let wants: u64 = (0..HUBS).map(|hub| community.balance(slot, hub).deficit()).sum();
            let has: u64 = (0..HUBS).map(|hub| community.balance(slot, hub).surplus()).sum();
            deficit += wants;
            surplus += has;
            local += wants.min(has);
        }
        // From the text of the files with exact decimals, each hub and slot rounded down to whole Wh.
        assert_eq!((deficit, surplus, local), (14_411_269, 5_212_502, 636_310));
    }

    #[test]
    fn the_genesis_preset_has_the_communitys_plants() {
        assert_eq!(Community::load().unwrap().peak_watts(), leg_genesis::STANDARD_SOLAR_PEAK_WATTS);
    }
}
