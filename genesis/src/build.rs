//! The checked content of a document, its chain id and the state that it begins with.

use crate::document::Document;
use crate::error::GenesisError;
use leg_ledger::amount::MicroChf;
use leg_ledger::block::{Committee, CommitteeMember};
use leg_ledger::codec;
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{ChainId, MemberId, Slug};
use leg_ledger::member::Member;
use leg_ledger::params::{Charges, Params};
use leg_ledger::state::{
    Account, Accounts, ChargeRun, ChargeRuns, CommitteeState, Committees, Keys, Members, Overlay, Parameters, State, Totals, TotalsTable,
};
use leg_ledger::time::{MarketClock, MarketTime};
use serde::Serialize;

/// Format of the canonical bytes below; part of them.
const FORMAT: u16 = 1;

/// A checked genesis: a network can start with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    content: Content,
    committee: Committee,
}

/// What a genesis says; [`Genesis::new`] checks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Name of the network.
    pub name: Slug,
    /// Parameters, market clock included.
    pub params: Params,
    /// Founding members.
    pub members: Vec<GenesisMember>,
    /// Members that decide the first blocks, one vote each.
    pub committee: Vec<MemberId>,
}

/// A founding member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GenesisMember {
    /// Its entry in the registry.
    pub member: Member,
    /// Credits it begins with; counted as deposited.
    pub balance: MicroChf,
}

impl Genesis {
    /// Checks a content and puts its lists into their canonical order: members and committee ascend by id.
    ///
    /// # Errors
    /// [`GenesisError::Field`].
    pub fn new(mut content: Content) -> Result<Self, GenesisError> {
        let committee = content.check()?;
        content.members.sort_by_key(|m| m.member.id);
        content.committee = committee.members().iter().map(|m| m.member).collect();
        Ok(Genesis { content, committee })
    }

    /// Reads and checks a document.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        let document: Document = serde_json::from_str(text).map_err(|e| GenesisError::Json(e.to_string()))?;
        Genesis::new(document.content()?)
    }

    /// The document, every parameter spelled out.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(&Document::of(&self.content));
        // Strings, numbers and lists always print; a failure would be a bug of the document's own types.
        text.expect("a genesis document prints")
    }

    /// Id of the network: hash of the content's canonical bytes.
    pub fn chain_id(&self) -> ChainId {
        ChainId::from_hash(Hash::of(Domain::Genesis, &codec::encode(&(FORMAT, &self.content))))
    }

    /// The state before block 1.
    pub fn state(&self) -> State {
        let mut state = State::default();
        let mut overlay = Overlay::new(&state);
        overlay.put::<Parameters>((), self.content.params.clone());
        // No block has a parent certificate before block 2, so that the same committee stands in all three places.
        let committee = || self.committee.clone();
        overlay.put::<Committees>((), CommitteeState { previous: committee(), current: committee(), next: committee() });
        let mut totals = Totals::default();
        for GenesisMember { member, balance } in &self.content.members {
            for (role, key) in member.keys.all() {
                overlay.put::<Keys>(key, (member.id, role));
            }
            overlay.put::<Accounts>(member.id, Account { free: *balance, ..Account::default() });
            overlay.put::<Members>(member.id, member.clone());
            // The check bounds the sum by MAX_DEPOSITED.
            totals.deposited = totals.deposited.checked_add(*balance).expect("checked opening balances add up");
        }
        overlay.put::<TotalsTable>((), totals);
        if self.content.params.charges != Charges::default() {
            let origin = MarketTime::from_ms(self.content.params.clock.origin.ms());
            // The check bounds the origin far below the last month.
            let due = origin.checked_add_months(1).expect("a month after the origin");
            overlay.put::<ChargeRuns>((), ChargeRun { months: 0, due, cursor: None });
        }
        let changes = overlay.into_changes();
        state.apply(changes);
        state
    }

    /// Name of the network.
    pub fn name(&self) -> Slug {
        self.content.name
    }

    /// Parameters.
    pub fn params(&self) -> &Params {
        &self.content.params
    }

    /// How market time follows the clock.
    pub fn clock(&self) -> MarketClock {
        self.content.params.clock
    }

    /// Founding members in ascending order of id.
    pub fn members(&self) -> &[GenesisMember] {
        &self.content.members
    }

    /// A founding member.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.content.members.iter().map(|m| &m.member).find(|m| m.id == id)
    }

    /// The committee of the first blocks.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// The content, to build another genesis from.
    pub fn into_content(self) -> Content {
        self.content
    }
}

impl Content {
    /// The committee as the ledger knows it; `None` where a name has no member or the member no consensus key.
    pub(crate) fn committee_members(&self) -> Vec<Option<CommitteeMember>> {
        let member = |id: &MemberId| {
            let entry = self.members.iter().map(|m| &m.member).find(|m| m.id == *id)?;
            Some(CommitteeMember { member: entry.id, key: entry.keys.consensus? })
        };
        self.committee.iter().map(member).collect()
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
