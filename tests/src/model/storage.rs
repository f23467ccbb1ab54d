//! Storage contracts (MARKET 7): from the match to the end, month by month.

use super::settle::months_later;
use super::state::{Challenge, Contract, Origin, Stage, Trade};
use super::{Model, challenge, fraction, gross, hash};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, TradeId};
use leg_ledger::receipt::Code;
use leg_ledger::state::TradeStatus;
use leg_ledger::transaction::{AnnounceManifest, Market, Product, ProveStorage, StorageManifest};

const MB: u64 = 1_000_000;
const MAX_REPLICAS: u8 = 8;
const MAX_CHUNKS: usize = 16;

/// What time brings a contract, beside the next draw.
enum Step {
    GiveUp,
    Miss,
    CloseMonth,
}

impl Contract {
    fn step(&self) -> (u64, Step) {
        match self.stage {
            Stage::Matched { until } | Stage::Announced { until } => (until, Step::GiveUp),
            Stage::Stored { since } => {
                let ends = months_later(since, self.month);
                match &self.challenge {
                    Some(challenge) if challenge.due <= ends => (challenge.due, Step::Miss),
                    _ => (ends, Step::CloseMonth),
                }
            }
        }
    }

    /// A day's challenge waits while another is open.
    fn drawn_at(&self) -> Option<u64> {
        self.draw.filter(|_| self.challenge.is_none())
    }

    pub(super) fn due(&self) -> u64 {
        let at = self.step().0;
        self.drawn_at().map_or(at, |draw| draw.min(at))
    }

    /// The day after the one that began at `begun`; days that have passed meanwhile are left out.
    fn next_draw(&mut self, begun: u64, now: u64, day: u64) {
        let days = (now - begun) / day + 1;
        self.draw = Some(begun + days * day);
        self.next_day += u32::try_from(days).expect("few days");
    }

    fn month_value(&self) -> u64 {
        self.fills.iter().map(|(quantity, price)| gross(*price, *quantity)).sum()
    }
}

impl Model {
    /// A match: the contract waits for its content, the first month is in escrow.
    pub(super) fn open_contract(&mut self, id: TradeId, trade: Trade, months: u32) {
        let until = self.now + self.params.storage.announce_window_ms;
        let contract = Contract {
            buyer: trade.buyer,
            seller: trade.seller,
            fills: trade.fills.clone(),
            quantity: trade.quantity,
            months,
            fee: trade.fee,
            stage: Stage::Matched { until },
            manifest: None,
            month: 1,
            trade: id,
            paid: Vec::new(),
            asked: 0,
            answered: 0,
            missed: 0,
            challenge: None,
            next_day: 0,
            draw: None,
            notice: None,
        };
        self.trades.insert(id, Trade { solar: false, ..trade });
        self.contracts.insert(id, contract);
    }

    fn contract(&self, id: TradeId) -> Result<Contract, Code> {
        self.contracts.get(&id).cloned().ok_or(Code::UnknownContract)
    }

    pub(super) fn announce(&mut self, origin: &Origin, announced: &AnnounceManifest) -> Result<(), Code> {
        let mut contract = self.contract(announced.contract)?;
        if origin.signer != contract.buyer {
            return Err(Code::NotParty);
        }
        let Stage::Matched { until } = contract.stage else { return Err(Code::ManifestKnown) };
        if until <= self.now {
            return Err(Code::TooLate);
        }
        let manifest = announced.manifest;
        if manifest.size == 0 || manifest.replicas > MAX_REPLICAS || manifest.replica >= manifest.replicas {
            return Err(Code::BadManifest);
        }
        if manifest.size > contract.quantity * MB {
            return Err(Code::ManifestTooLarge);
        }
        if self.contracts.values().any(|other| self.clash(&contract, other, &manifest)) {
            return Err(Code::ReplicaClash);
        }
        contract.stage = Stage::Announced { until: self.now + self.params.storage.first_proof_window_ms };
        contract.manifest = Some(manifest);
        contract.draw = Some(self.now);
        self.contracts.insert(announced.contract, contract);
        Ok(())
    }

    /// Replicas of one content: other owners, other numbers, other roots, the same total.
    fn clash(&self, own: &Contract, other: &Contract, manifest: &StorageManifest) -> bool {
        let Some(m) = other.manifest.filter(|m| other.buyer == own.buyer && m.content == manifest.content) else { return false };
        let same_owner = self.member(other.seller).owner == self.member(own.seller).owner;
        same_owner || m.replica == manifest.replica || m.root == manifest.root || m.replicas != manifest.replicas
    }

    pub(super) fn prove(&mut self, origin: &Origin, proof: &ProveStorage) -> Result<(), Code> {
        let mut contract = self.contract(proof.contract)?;
        if origin.signer != contract.seller {
            return Err(Code::NotParty);
        }
        let manifest = contract.manifest.ok_or(Code::NoChallenge)?;
        let open = contract.challenge.as_mut().filter(|c| c.day == proof.day).ok_or(Code::NoChallenge)?;
        if open.due <= self.now {
            return Err(Code::TooLate);
        }
        if proof.chunks.is_empty() || proof.chunks.len() > MAX_CHUNKS {
            return Err(Code::BadChunk);
        }
        let asked = challenge::picks(&open.seed, manifest.size, self.params.storage.challenge_chunks);
        for chunk in &proof.chunks {
            let number = *asked.get(usize::from(chunk.pick)).ok_or(Code::BadChunk)?;
            if !open.proved.insert(chunk.pick) {
                return Err(Code::BadChunk);
            }
            if !challenge::proves(&manifest, number, &chunk.slice) {
                return Err(Code::BadProof);
            }
        }
        if open.proved.len() == asked.len() {
            contract.challenge = None;
            contract.missed = 0;
            if let Stage::Stored { .. } = contract.stage {
                contract.asked += 1;
                contract.answered += 1;
            } else {
                contract.stage = Stage::Stored { since: self.now };
                contract.next_draw(self.now, self.now, self.params.storage.day_ms);
                self.trades.get_mut(&contract.trade).expect("the first month").status = TradeStatus::Confirmed;
            }
        }
        self.contracts.insert(proof.contract, contract);
        Ok(())
    }

    pub(super) fn terminate(&mut self, origin: &Origin, id: TradeId) -> Result<(), Code> {
        let mut contract = self.contract(id)?;
        let by_seller = origin.signer == contract.seller;
        if !by_seller && origin.signer != contract.buyer {
            return Err(Code::NotParty);
        }
        match contract.stage {
            Stage::Matched { until } | Stage::Announced { until } if until <= self.now => Err(Code::TooLate),
            Stage::Stored { .. } if contract.notice.is_some() => Err(Code::NoticeGiven),
            Stage::Stored { .. } => {
                contract.notice = Some(origin.signer);
                self.contracts.insert(id, contract);
                Ok(())
            }
            // Before the announcement a seller breaks its word; afterwards nobody can prove whose fault it is.
            Stage::Matched { .. } | Stage::Announced { .. } => {
                let blamed = Some(contract.seller).filter(|_| by_seller && matches!(contract.stage, Stage::Matched { .. }));
                self.drop_contract(id, blamed);
                Ok(())
            }
        }
    }

    /// Refunds the running month and ends the contract.
    fn drop_contract(&mut self, id: TradeId, blamed: Option<MemberId>) {
        let contract = self.contracts.remove(&id).expect("a running contract");
        self.cancelled(contract.trade, blamed);
    }

    /// One step a block: a missed challenge, then the end of the month, then the next draw.
    pub(super) fn step_contract(&mut self, id: TradeId) {
        let mut contract = self.contracts[&id].clone();
        let (at, step) = contract.step();
        if at > self.now {
            return self.draw(id, contract);
        }
        match step {
            Step::GiveUp => {
                let blamed = match (contract.stage, &contract.challenge) {
                    (Stage::Matched { .. }, _) => Some(contract.buyer),
                    (_, Some(_)) => Some(contract.seller),
                    (_, None) => None,
                };
                self.drop_contract(id, blamed);
            }
            Step::Miss => {
                contract.challenge = None;
                contract.asked += 1;
                contract.missed += 1;
                let (seller, missing) = (contract.seller, contract.missed >= self.params.storage.missing_days);
                self.contracts.insert(id, contract);
                if missing {
                    self.drop_contract(id, Some(seller));
                }
            }
            Step::CloseMonth => self.close_month(id, contract),
        }
    }

    /// The first block that another owner proposes draws the day's challenge.
    fn draw(&mut self, id: TradeId, mut contract: Contract) {
        let owner = |member| self.member(member).owner;
        let Some(begun) = contract.drawn_at().filter(|at| *at <= self.now) else { return };
        if owner(self.facts.proposer) == owner(contract.seller) {
            return;
        }
        let (day, seed) = (contract.next_day, challenge::seed(&self.facts.block, id, contract.next_day));
        let mut due = self.now + self.params.storage.answer_window_ms;
        match contract.stage {
            Stage::Stored { .. } => contract.next_draw(begun, self.now, self.params.storage.day_ms),
            Stage::Announced { until } => (due, contract.draw) = (until, None),
            Stage::Matched { .. } => unreachable!("nothing is stored yet"),
        }
        contract.challenge = Some(Challenge { day, seed, due, proved: Default::default() });
        self.contracts.insert(id, contract);
    }

    /// Pays the share of challenges that were answered; then the next month goes into escrow, if there is to be one.
    fn close_month(&mut self, id: TradeId, mut contract: Contract) {
        let trade = self.trades[&contract.trade].clone();
        let ordered = contract.quantity;
        let payable = if contract.asked == 0 { ordered } else { fraction(ordered, contract.answered.into(), contract.asked.into()) };
        contract.paid.push((contract.asked, contract.answered, trade.value(payable)));
        self.settle(contract.trade, trade.clone(), payable, ordered);
        (contract.asked, contract.answered) = (0, 0);
        let value = contract.month_value();
        let over = contract.month >= contract.months || contract.notice.is_some();
        if over || self.reserve(contract.buyer, value).is_err() {
            self.contracts.remove(&id);
            return;
        }
        self.escrow_reserved(contract.buyer, value);
        contract.month += 1;
        let next = hash("storage month", &[id.hash().as_bytes(), &contract.month.to_le_bytes()]);
        contract.trade = TradeId::from_hash(Hash::from_bytes(next));
        let product = Product::Storage { months: contract.months };
        let status = TradeStatus::Confirmed;
        let month = Trade { market: Market::Storage, product, status, escrow: value, matched_at: self.now, fee: contract.fee, ..trade };
        self.trades.insert(contract.trade, month);
        self.contracts.insert(id, contract);
    }
}
