//! The document as it stands in JSON.

use crate::build::{Content, GenesisMember};
use crate::decimal::DecimalText;
use crate::error::{GenesisError, Problem};
use crate::member::MemberDocument;
use crate::params::ParamsDocument;
use leg_ledger::amount::MicroChf;
use leg_ledger::ids::{MemberId, Slug};
use leg_ledger::params::Params;
use leg_ledger::time::{BlockTime, MarketClock};
use serde::{Deserialize, Serialize};

/// The whole document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Document {
    name: String,
    /// Genesis time, Unix milliseconds UTC.
    origin_ms: u64,
    /// Market milliseconds in a millisecond; 1 except on development networks.
    #[serde(default = "real_time")]
    scale: u32,
    /// What differs from the standard parameters; a printed document has them all.
    #[serde(default)]
    params: ParamsDocument,
    members: Vec<FoundingMember>,
    committee: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FoundingMember {
    /// CHF.
    #[serde(default = "no_balance")]
    opening_balance: DecimalText,
    member: MemberDocument,
}

fn real_time() -> u32 {
    1
}

fn no_balance() -> DecimalText {
    DecimalText::of_money(MicroChf::ZERO)
}

impl Document {
    /// The document of a content.
    pub fn of(content: &Content) -> Self {
        let founding =
            |m: &GenesisMember| FoundingMember { opening_balance: DecimalText::of_money(m.balance), member: MemberDocument::of(&m.member) };
        Document {
            name: content.name.to_string(),
            origin_ms: content.params.clock.origin.ms(),
            scale: content.params.clock.scale,
            params: ParamsDocument::of(&content.params),
            members: content.members.iter().map(founding).collect(),
            committee: content.committee.iter().map(ToString::to_string).collect(),
        }
    }

    /// The typed content, unchecked as a whole.
    pub fn content(&self) -> Result<Content, GenesisError> {
        let clock = MarketClock { origin: BlockTime::from_ms(self.origin_ms), scale: self.scale };
        let mut params = Params::standard(clock);
        self.params.apply(&mut params)?;
        let name = Slug::parse(&self.name).ok_or_else(|| GenesisError::field("name", Problem::NotName(self.name.clone())))?;
        let mut members = Vec::with_capacity(self.members.len());
        for (index, founding) in self.members.iter().enumerate() {
            let balance = founding.opening_balance.money(&format!("members[{index}].openingBalance"))?;
            let member = founding.member.member(&format!("members[{index}].member"))?;
            members.push(GenesisMember { member, balance });
        }
        let mut committee = Vec::with_capacity(self.committee.len());
        for (index, text) in self.committee.iter().enumerate() {
            let fail = || GenesisError::field(format!("committee[{index}]"), Problem::NotName(text.clone()));
            committee.push(MemberId::parse(text).ok_or_else(fail)?);
        }
        Ok(Content { name, params, members, committee })
    }
}
