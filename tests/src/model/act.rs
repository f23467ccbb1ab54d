//! Transactions in their canonical order, and which rule each action falls under (MARKET 2, 3).

use super::{Code, Model, Origin, Predicted, Resource, hash};
use leg_ledger::ids::MemberId;
use leg_ledger::member::MemberStatus;
use leg_ledger::transaction::{Action, SignedTransaction};

impl Model {
    pub(super) fn run_transactions(&mut self, transactions: &[SignedTransaction]) -> Vec<Predicted> {
        let mut ordered: Vec<&SignedTransaction> = transactions.iter().collect();
        ordered.sort_by_key(|t| (self.place(t.body.signer), t.body.signer, t.body.nonce));
        let mut receipts = Vec::new();
        for transaction in ordered {
            self.run_transaction(transaction, &mut receipts);
        }
        receipts
    }

    /// MARKET 2: `blake3(domain, parent hash, member id)`.
    fn place(&self, member: MemberId) -> [u8; 32] {
        hash("member order", &[self.facts.parent.as_bytes(), member.as_bytes()])
    }

    fn run_transaction(&mut self, transaction: &SignedTransaction, receipts: &mut Vec<Predicted>) {
        let body = &transaction.body;
        let before = body.atomic.then(|| self.clone());
        let first = receipts.len();
        let mut failed = false;
        for (action, index) in body.actions.iter().zip(0_u16..) {
            let origin = Origin { transaction: transaction.id().hash(), signer: body.signer, nonce: body.nonce.get(), action: index };
            let saved = self.clone();
            let result = if failed && body.atomic { Err(Code::AtomicSibling) } else { self.act(&origin, action) };
            if result.is_err() {
                *self = saved;
                failed = true;
            }
            let code = result.err().unwrap_or(Code::Ok);
            receipts.push(Predicted { transaction: origin.transaction, action: index, code });
        }
        if let Some(before) = before.filter(|_| failed) {
            *self = before;
            receipts[first..].iter_mut().filter(|r| r.code == Code::Ok).for_each(|r| r.code = Code::AtomicSibling);
        }
    }

    fn act(&mut self, origin: &Origin, action: &Action) -> Result<(), Code> {
        if self.members.get(&origin.signer).is_none_or(|m| m.status != MemberStatus::Active) && !ends_something(action) {
            return Err(Code::MemberInactive);
        }
        match action {
            Action::PlaceOrder(terms) => self.place_order(origin, terms.clone(), None),
            Action::ReplaceOrder(replace) => self.replace_order(origin, replace),
            Action::CancelOrder { order } => self.cancel_order(origin, *order),
            Action::StartTrade { trade } => self.start(origin, *trade),
            Action::CompleteTrade(done) => self.complete(origin, done),
            Action::ConfirmTrade { trade } => self.confirm(origin, *trade),
            Action::CancelTrade { trade } => self.cancel_trade(origin, *trade),
            Action::SubmitReadings { readings } => self.submit_readings(origin, readings),
            Action::ReportExchange { leg, slot, energy } => self.report_exchange(origin, *leg, slot.get(), energy.get()),
            Action::ForecastSolar { slots } => {
                let slots: Vec<(u64, u64)> = slots.iter().map(|(slot, wh)| (slot.get(), wh.get())).collect();
                self.forecast(origin, &slots)
            }
            Action::HaltMarket { resource } => self.halt(origin, *resource),
            Action::AnnounceManifest(announced) => self.announce(origin, announced),
            Action::ProveStorage(proof) => self.prove(origin, proof),
            Action::TerminateStorage { contract } => self.terminate(origin, *contract),
            Action::TransferHeat { to, heat } => self.transfer_heat(origin, *to, heat),
            Action::RetireHeat(retire) => self.retire_heat(origin, retire),
            Action::ReportSolar { zone, slots } => self.report_solar(origin, *zone, slots),
            Action::ReportGridLevel { zone, levels } => self.report_level(origin, *zone, levels),
            Action::CorrectReading(correction) => self.correct(origin, correction),
            Action::DisputeTrade { trade, claimed } => self.dispute(origin, *trade, claimed.get()),
            Action::SubmitEvidence { trade, hashes } => self.submit_evidence(origin, *trade, hashes),
            Action::ConcedeDispute { trade } => self.concede(origin, *trade),
            Action::VoteDispute { trade, for_opener } => self.vote_dispute(origin, *trade, *for_opener),
            Action::Heartbeat => self.heartbeat(origin.signer),
            Action::RotateKey(rotate) => self.rotate_key(origin.signer, rotate),
            Action::Propose(propose) => self.propose(origin, propose),
            Action::Vote(vote) => self.vote(origin, vote),
            Action::WithdrawProposal { proposal } => self.withdraw_proposal(origin, *proposal),
        }
    }

    /// MARKET 4: at half of the committee the resource's markets halt.
    fn halt(&mut self, origin: &Origin, resource: Resource) -> Result<(), Code> {
        let committee = &self.committees.current;
        if !committee.contains_key(&origin.signer) {
            return Err(Code::NotCommittee);
        }
        if self.halted.contains(&resource) {
            return Err(Code::MarketHalted);
        }
        let votes = self.halt_votes.entry(resource).or_default();
        if !votes.insert(origin.signer) {
            return Err(Code::AlreadyReported);
        }
        if votes.iter().filter(|id| committee.contains_key(id)).count() * 2 >= committee.len() {
            self.halted.insert(resource);
        }
        Ok(())
    }
}

/// MARKET 2: what a member that was suspended or left may still do.
fn ends_something(action: &Action) -> bool {
    matches!(
        action,
        Action::CancelOrder { .. }
            | Action::StartTrade { .. }
            | Action::CompleteTrade(_)
            | Action::ConfirmTrade { .. }
            | Action::CancelTrade { .. }
            | Action::SubmitReadings { .. }
            | Action::AnnounceManifest(_)
            | Action::ProveStorage(_)
            | Action::TerminateStorage { .. }
            | Action::DisputeTrade { .. }
            | Action::SubmitEvidence { .. }
            | Action::ConcedeDispute { .. }
    )
}
