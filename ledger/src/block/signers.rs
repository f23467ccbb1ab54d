//! Who signed a certificate, compactly.

use super::{Certificate, Committee};
use crate::ids::MemberId;
use crate::limits::MAX_COMMITTEE;

/// The members of a committee that signed a certificate, by their places in the committee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signers(u32);

// Every place has a bit.
const _: () = assert!(MAX_COMMITTEE <= 32);

impl Signers {
    /// Who of `committee` signed `certificate`.
    pub fn of(certificate: &Certificate, committee: &Committee) -> Self {
        let signed = |member| certificate.signatures.binary_search_by_key(&member, |s| s.member).is_ok();
        let places = (0_u32..).zip(committee.members()).filter(|(_, m)| signed(m.member));
        Signers(places.fold(0, |bits, (place, _)| bits | 1_u32.checked_shl(place).unwrap_or(0)))
    }

    /// The same as ids; `committee` MUST be the one that they were made of.
    pub fn members(self, committee: &Committee) -> impl Iterator<Item = MemberId> + '_ {
        let is_set = move |place: &u32| self.0.checked_shr(*place).is_some_and(|bits| bits & 1 == 1);
        (0_u32..).zip(committee.members()).filter(move |(place, _)| is_set(place)).map(|(_, m)| m.member)
    }
}
