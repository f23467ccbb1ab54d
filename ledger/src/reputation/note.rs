//! What is noted of a member's conduct while a block executes.

use crate::amount::MicroChf;
use crate::execute::Context;
use crate::ids::MemberId;
use crate::state::Pair;

/// The parts that are weighted by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Did what it had agreed to.
    Completion,
    /// Met an obligation on time: a confirmation, a payment.
    Settlement,
    /// Lost no dispute.
    Disputes,
}

/// One remark. The order of variants is the order in which a member's notes are applied; it does not matter to the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A day began: the standing decays.
    Day,
    /// Its status or role changed: what it missed until now, it missed under the old one.
    Changed,
    /// The hub is in the committee: it is expected to be there from now on.
    Expected,
    /// The hub showed that it is there.
    SignOfLife,
    /// Conduct in one part.
    Conduct {
        /// The part.
        part: Part,
        /// The counterparty; `None` where it is the network itself.
        with: Option<MemberId>,
        /// Micro-CHF that went well, of how many.
        pair: Pair,
    },
}

impl Note {
    /// All of `value` went well.
    pub fn kept(part: Part, with: MemberId, value: MicroChf) -> Note {
        Note::partly(part, with, value, value)
    }

    /// Nothing of `value` went well.
    pub fn failed(part: Part, with: MemberId, value: MicroChf) -> Note {
        Note::partly(part, with, MicroChf::ZERO, value)
    }

    /// `good` of `value` went well, at most all of it.
    pub fn partly(part: Part, with: MemberId, good: MicroChf, value: MicroChf) -> Note {
        Note::Conduct { part, with: Some(with), pair: Pair { good: good.min(value).get(), total: value.get() } }
    }
}

/// Notes a remark on a member, whoever it is: it takes effect in phase 4, and is undone with the action that made it.
pub fn note(ctx: &mut Context<'_>, member: MemberId, note: Note) {
    ctx.notes.push((member, note));
}
