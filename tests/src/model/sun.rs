//! A hub's solar forecast (MARKET 4, 11), and the asks that shrink when it falls.

use super::orders::MAX_AHEAD_MS;
use super::{Model, Origin, SLOT_MS};
use leg_ledger::ids::MemberId;
use leg_ledger::member::Role;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::Resource;

impl Model {
    /// A hub's forecast; where it falls, the newest open solar asks shrink first (MARKET 4).
    pub(super) fn forecast(&mut self, origin: &Origin, entries: &[(u64, u64)]) -> Result<(), Code> {
        let member = self.member(origin.signer);
        if member.role != Role::Hub {
            return Err(Code::WrongRole);
        }
        let peak = member.capacity.solar_peak_watts / 4;
        let (first, latest) = (self.now / SLOT_MS, (self.now + MAX_AHEAD_MS) / SLOT_MS);
        for (index, (slot, wh)) in entries.iter().enumerate() {
            let ascends = index == 0 || entries[index - 1].0 < *slot;
            if *slot < first || *slot > latest || !ascends {
                return Err(Code::BadSlot);
            }
            if *wh > peak {
                return Err(Code::ForecastAbovePeak);
            }
        }
        let mut fallen = Vec::new();
        for (slot, wh) in entries {
            if self.forecasts.insert((origin.signer, *slot), *wh).is_some_and(|old| *wh < old) {
                fallen.push(*slot);
            }
        }
        let mut done = None;
        for slot in fallen {
            if done.is_none_or(|d| slot > d) {
                done = self.shrink_around(origin.signer, slot);
            }
        }
        Ok(())
    }

    /// Trades keep all, then asks, the oldest first, as far as the sun still makes it. Returns the last slot that was looked at.
    fn shrink_around(&mut self, hub: MemberId, slot: u64) -> Option<u64> {
        let backing = self.backing(hub, Resource::Compute);
        let group = backing.around(slot);
        let mut kept: Vec<_> = group.iter().filter(|p| p.ask.is_none()).copied().collect();
        let mut asks: Vec<_> = group.iter().filter(|p| p.ask.is_some()).copied().collect();
        asks.sort_by_key(|p| {
            let order = &self.orders[&p.ask.expect("an ask's")];
            (order.height, order.nonce, order.action)
        });
        for ask in asks {
            let before = backing.served(&kept);
            kept.push(ask);
            let room = (backing.served(&kept) - before) / 10 * 10;
            if room >= ask.wh {
                continue;
            }
            kept.last_mut().expect("just pushed").wh = room;
            self.shrink_order(ask.ask.expect("an ask's"), room);
        }
        group.iter().map(|p| p.last).max()
    }
}
