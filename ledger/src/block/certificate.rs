//! Commit certificates: plain, attributable signatures of more than two thirds of a committee.

use super::Committee;
use crate::codec;
use crate::hash::{Domain, Hash};
use crate::ids::{BlockId, ChainId, Height, MemberId, Round};
use crate::signature::{Batch, Signature, signing_bytes};
use serde::{Deserialize, Serialize};

/// The bytes that a committee member signs to precommit `block` (or nil) at (height, round) of `chain`.
///
/// These are the engine's precommit sign-bytes as well, so that a light client needs no engine.
pub fn precommit_bytes(chain: ChainId, height: Height, round: Round, block: Option<BlockId>) -> Vec<u8> {
    signing_bytes(Domain::Precommit, &codec::encode(&(chain, height, round, block)))
}

/// One member's precommit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommitSignature {
    /// Who.
    pub member: MemberId,
    /// Over [`precommit_bytes`].
    pub signature: Signature,
}

/// Proof that a committee decided a block. Signatures are in ascending order of member, without repetition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Height of the block.
    pub height: Height,
    /// Round of the decision.
    pub round: Round,
    /// The block.
    pub block: BlockId,
    /// Who precommitted it.
    pub signatures: Vec<CommitSignature>,
}

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Signatures are not in ascending order of member.
    #[error("signatures are not in ascending order of member")]
    Order,
    /// Signed by a hub that is not in the committee.
    #[error("{0} is not in the committee")]
    Stranger(MemberId),
    /// Two thirds of the committee or less signed.
    #[error("{signed} of {committee} signed; more than two thirds are needed")]
    NoQuorum {
        /// Members that signed.
        signed: usize,
        /// Members of the committee.
        committee: usize,
    },
    /// At least one signature does not verify.
    #[error("a signature does not verify")]
    Signature,
}

impl Certificate {
    /// Brings signatures into canonical order.
    pub fn new(height: Height, round: Round, block: BlockId, mut signatures: Vec<CommitSignature>) -> Self {
        signatures.sort_unstable();
        signatures.dedup_by_key(|s| s.member);
        Certificate { height, round, block, signatures }
    }

    /// Hash of the certificate's bytes.
    pub fn hash(&self) -> Hash {
        Hash::of(Domain::Certificate, &codec::encode(self))
    }

    /// Checks that more than two thirds of `committee` signed this decision on `chain`.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify(&self, chain: ChainId, committee: &Committee) -> Result<(), CertificateError> {
        if !self.signatures.is_sorted_by(|a, b| a.member < b.member) {
            return Err(CertificateError::Order);
        }
        if !committee.is_quorum(self.signatures.len()) {
            return Err(CertificateError::NoQuorum { signed: self.signatures.len(), committee: committee.len() });
        }
        let message = precommit_bytes(chain, self.height, self.round, Some(self.block));
        let mut batch = Batch::new();
        for signed in &self.signatures {
            let key = committee.key(signed.member).ok_or(CertificateError::Stranger(signed.member))?;
            batch.push(&key, &message, &signed.signature);
        }
        batch.verify().map_err(|_| CertificateError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::super::CommitteeMember;
    use super::*;
    use crate::signature::SecretKey;

    fn setup() -> (ChainId, Committee, Vec<(MemberId, SecretKey)>) {
        let keys: Vec<_> =
            (0..4_u8).map(|i| (MemberId::parse(&format!("hub-{i}")).unwrap(), SecretKey::from_bytes(&[i + 1; 32]))).collect();
        let members = keys.iter().map(|(member, key)| CommitteeMember { member: *member, key: key.public() }).collect();
        (ChainId::from_hash(Hash::of(Domain::Genesis, b"test")), Committee::new(members).unwrap(), keys)
    }

    fn certificate(chain: ChainId, keys: &[(MemberId, SecretKey)]) -> Certificate {
        let (height, round) = (Height::new(7), Round::new(1));
        let block = BlockId::from_hash(Hash::of(Domain::Header, b"b"));
        let message = precommit_bytes(chain, height, round, Some(block));
        let signatures = keys.iter().map(|(member, key)| CommitSignature { member: *member, signature: key.sign(&message) });
        Certificate::new(height, round, block, signatures.collect())
    }

    #[test]
    fn three_of_four_decide_and_two_do_not() {
        let (chain, committee, keys) = setup();
        assert_eq!(certificate(chain, &keys[..3]).verify(chain, &committee), Ok(()));
        assert_eq!(certificate(chain, &keys).verify(chain, &committee), Ok(()));
        let two = certificate(chain, &keys[..2]).verify(chain, &committee);
        assert_eq!(two, Err(CertificateError::NoQuorum { signed: 2, committee: 4 }));
    }

    #[test]
    fn strangers_repetitions_other_chains_and_flipped_bytes_are_refused() {
        let (chain, committee, keys) = setup();
        let good = certificate(chain, &keys[..3]);
        let mut twice = good.clone();
        twice.signatures[1] = twice.signatures[0];
        assert_eq!(twice.verify(chain, &committee), Err(CertificateError::Order));
        let stranger = MemberId::parse("stranger").unwrap();
        let mut wrong = good.clone();
        wrong.signatures[2].member = stranger;
        assert_eq!(wrong.verify(chain, &committee), Err(CertificateError::Stranger(stranger)));
        let other = ChainId::from_hash(Hash::of(Domain::Genesis, b"other"));
        assert_eq!(good.verify(other, &committee), Err(CertificateError::Signature));
        let mut flipped = good;
        flipped.round = Round::new(2);
        assert_eq!(flipped.verify(chain, &committee), Err(CertificateError::Signature));
    }
}
