//! Stable codes of receipts. They are hashed into the receipts root, so a number never changes its meaning; prose for people is
//! [`Code::message`] and is not hashed.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[doc = $message:literal])+ $name:ident = $number:literal, $text:literal;)+) => {
        /// Outcome of one action. `Ok` is 0; all others are rejections, which change nothing but use up the nonce.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u16", into = "u16")]
        pub enum Code {
            $($(#[doc = $message])+ $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The stable number.
            pub const fn number(self) -> u16 {
                match self { $(Code::$name => $number,)+ }
            }

            /// The code with this number.
            pub const fn from_number(number: u16) -> Option<Code> {
                match number { $($number => Some(Code::$name),)+ _ => None }
            }

            /// The stable name in API answers.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)+ }
            }

            /// One sentence for people: what is wrong and what to do.
            pub const fn message(self) -> &'static str {
                match self { $(Code::$name => concat!($($message),+),)+ }
            }
        }
    };
}

codes! {
    /// Admitted.
    Ok = 0, "ok";
    /// Another action of the same atomic transaction was rejected; send them apart or mend that one.
    AtomicSibling = 1, "atomic_sibling_rejected";
    /// The result does not fit its number range; use smaller amounts.
    Overflow = 2, "overflow";
    /// The signer is suspended or has left.
    MemberInactive = 10, "member_inactive";
    /// The signer's role does not allow this action.
    WrongRole = 11, "wrong_role";
    /// The key is registered already, is not a canonical point of large order, or its proof of possession fails.
    BadKey = 12, "bad_key";
    /// This role's key cannot be rotated by its owner.
    KeyRole = 13, "key_role";
    /// The quantity is zero, above the maximum, or not a multiple of the lot.
    BadQuantity = 20, "bad_quantity";
    /// The price is not a multiple of the tick.
    BadTick = 21, "bad_tick";
    /// The price lies outside the collar around the market's base price; check whether it is in CHF, not centimes.
    PriceCollar = 22, "price_outside_collar";
    /// The order is worth less than the minimum notional.
    MinNotional = 23, "below_min_notional";
    /// The window is empty, lies in the past or is too long.
    BadWindow = 24, "bad_window";
    /// The energy slot is not open: slots open 7 days ahead and close at their start.
    SlotClosed = 25, "slot_closed";
    /// The signer belongs to no energy community.
    NoCommunity = 26, "no_community";
    /// The minimum fill is above the quantity or not a multiple of the lot.
    BadMinFill = 27, "bad_min_fill";
    /// No settlement method, one twice, or one that this resource cannot use.
    BadSettlement = 28, "bad_settlement";
    /// Time in force does not fit the side or lies in the past.
    BadTimeInForce = 29, "bad_time_in_force";
    /// Dynamic pricing, solar backing or split does not fit the side or resource.
    BadPricing = 30, "bad_pricing";
    /// The constraints contradict themselves or name an unknown member.
    BadConstraints = 31, "bad_constraints";
    /// The free balance does not cover the reservation; deposit or bid less.
    InsufficientFunds = 40, "insufficient_funds";
    /// The certified capacity does not cover the offer within its window.
    InsufficientCapacity = 41, "insufficient_capacity";
    /// The solar forecast does not cover the offer.
    InsufficientForecast = 42, "insufficient_forecast";
    /// The order would trade with an open order of the same owner; cancel that one first.
    SelfTrade = 43, "self_trade";
    /// Too many open orders of this member in this market.
    TooManyOrders = 44, "too_many_open_orders";
    /// The reputation is too low for a new order, or for this much open value.
    Reputation = 45, "reputation_too_low";
    /// The market is halted: only cancels are accepted.
    MarketHalted = 46, "market_halted";
    /// No such open order of the signer.
    UnknownOrder = 50, "unknown_order";
    /// The replacement changes nothing or is below what already filled.
    BadReplace = 51, "bad_replace";
    /// No such open trade.
    UnknownTrade = 60, "unknown_trade";
    /// The signer is not the party that takes this step.
    NotParty = 61, "not_party";
    /// The trade is not in the state that this step needs.
    WrongState = 62, "wrong_state";
    /// The step's deadline has passed.
    TooLate = 63, "too_late";
    /// The window has not started yet.
    TooEarly = 64, "too_early";
    /// Readings must ascend in sequence and register, without a gap.
    BadReading = 65, "bad_reading";
    /// A claim exceeds what the register increased in its slot, or is claimed already.
    OverClaimed = 66, "over_claimed";
    /// The slot lies outside the trade's window or the reporting period.
    BadSlot = 67, "bad_slot";
    /// Reported already.
    AlreadyReported = 68, "already_reported";
    /// The forecast is above what the certified plant can make.
    ForecastAbovePeak = 70, "forecast_above_peak";
    /// The signer is not in the committee.
    NotCommittee = 80, "not_committee";
    /// No such running storage contract.
    UnknownContract = 100, "unknown_storage_contract";
    /// The manifest names an empty content, or a replica beyond their number.
    BadManifest = 101, "bad_manifest";
    /// The content is larger than what the contract stores; encrypt less of it, or buy more.
    ManifestTooLarge = 102, "manifest_too_large";
    /// The contract's content was announced already.
    ManifestKnown = 103, "manifest_known";
    /// Replicas of one content need different owners, numbers and roots, and the same total; end this contract and buy elsewhere.
    ReplicaClash = 104, "replica_clash";
    /// The contract has no open challenge of this day.
    NoChallenge = 105, "no_challenge";
    /// A chunk is missing, was not asked for, or is proved already.
    BadChunk = 106, "bad_chunk";
    /// The slice does not verify against the content's root and size; check the stored content for damage.
    BadProof = 107, "bad_storage_proof";
    /// Notice was given already.
    NoticeGiven = 108, "notice_given";
    /// An order that settles in heat has price zero and takes no other method.
    SwapPrice = 120, "swap_price";
    /// An order that settles in heat requires the member that it names, and nothing else of it.
    SwapPartner = 121, "swap_partner";
    /// The free heat credits do not cover this; wait for more, or ask for less.
    InsufficientHeat = 122, "insufficient_heat";
    /// The signer holds no such heat lot, or it has expired.
    UnknownLot = 123, "unknown_lot";
    /// This takes more heat lots than one action may; use several actions.
    TooManyLots = 124, "too_many_lots";
    /// The member that is named is the signer itself, is unknown, is not active, or cannot hold heat.
    BadRecipient = 125, "bad_recipient";
    /// The signer has no certified machines; compute-hours are sold by the hour of certified machines only.
    NoMachines = 126, "no_machines";
    /// Only compute measured in Wh issues heat; complete without heat.
    HeatNotDue = 127, "heat_not_due";
    /// Only bids for compute or compute-hours name a job.
    JobNotDue = 128, "job_not_due";
    /// No active hub stands in this zone; a zone is a canton of the registry.
    UnknownZone = 130, "unknown_zone";
    /// A grid level lies between -1 and 3.
    BadLevel = 131, "bad_level";
    /// As many sources as an input may have reported already.
    TooManySources = 132, "too_many_sources";
    /// There is no open dispute about this trade.
    UnknownDispute = 140, "unknown_dispute";
    /// A buyer claims less than the meter shows, a seller more, at most what was ordered, and the difference is worth something.
    BadClaim = 141, "bad_claim";
    /// Evidence is one or more hashes, none of them twice, at most 16 of a party.
    BadEvidence = 142, "bad_evidence";
    /// Only hubs of the committee in which the dispute was opened vote on it, those of the parties' owners left out.
    NotEntitled = 143, "not_entitled";
    /// The signer has voted on this dispute.
    AlreadyVoted = 144, "already_voted";
    /// No such open proposal; it may have ended.
    UnknownProposal = 160, "unknown_proposal";
    /// The proposal's deadline is not after now, or more than 30 days ahead.
    BadDeadline = 161, "bad_proposal_deadline";
    /// The activation height has passed or is too far ahead.
    BadActivation = 162, "bad_activation_height";
    /// Too many proposals, of this member or in all; wait until some end, or withdraw one.
    TooManyProposals = 163, "too_many_proposals";
    /// Only hubs that sat in the committee when the proposal entered vote on it.
    NotAVoter = 164, "not_a_voter";
    /// The signer has voted on this proposal.
    VotedAlready = 165, "voted_already";
    /// The proposal is decided, or its deadline has passed.
    ProposalDecided = 166, "proposal_decided";
    /// Only its proposer withdraws a proposal.
    NotProposer = 167, "not_proposer";
    /// The value lies outside the parameter's bounds, or contradicts another parameter.
    ParameterBounds = 168, "parameter_out_of_bounds";
    /// The change changes nothing: it is so already.
    NothingChanges = 169, "nothing_changes";
    /// A member of this name is or was registered; choose another.
    MemberExists = 170, "member_exists";
    /// No such member, or it has left.
    UnknownMember = 171, "unknown_member";
    /// The entry contradicts itself: its name, keys or capacity do not fit its role, or the registry is full.
    BadMember = 172, "bad_member";
    /// A committee has 4 to 24 members, in ascending order of id.
    CommitteeSize = 173, "committee_size";
    /// A change replaces less than a third of the committee; go in several steps.
    CommitteeOverlap = 174, "committee_overlap";
    /// A committee member is an active hub with a consensus key and a network key.
    CannotVote = 175, "cannot_vote";
    /// A new committee member needs a heartbeat of its node within the last 24 hours.
    NoHeartbeat = 176, "no_heartbeat";
    /// The member sits in the committee; take it out of it first.
    Seated = 177, "seated_in_committee";
    /// The markets of this resource are not halted.
    NotHalted = 178, "market_not_halted";
    /// A protocol version, and its height, must be above the last one announced.
    BadVersion = 179, "bad_protocol_version";
}

impl TryFrom<u16> for Code {
    type Error = &'static str;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        Code::from_number(number).ok_or("not a receipt code")
    }
}

impl From<Code> for u16 {
    fn from(code: Code) -> u16 {
        code.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_round_trip() {
        let mut names = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
            assert!(names.insert(code.name()));
            assert!(code.message().ends_with('.'), "{}", code.message());
        }
        assert_eq!(crate::codec::encode(&Code::PriceCollar), [22, 0]);
    }
}
