use super::*;
use crate::guard::SignedKind;
use crate::testkit::{chain_id, key, member};
use crate::types::{Address, BlockVote, EngineHeight};
use arc_malachitebft_app_channel::app::engine::wal::encode_entry;
use arc_malachitebft_core_types::{NilOrVal, Round, SignedMessage, VoteType};

fn vote(voter: u8, kind: VoteType, round: u32) -> SignedMessage<LegContext, BlockVote> {
    let message = BlockVote {
        kind,
        height: EngineHeight::new(Height::new(7)),
        round: Round::new(round),
        value: NilOrVal::Nil,
        voter: Address::new(member(voter)),
    };
    let signature = key(voter).sign(&crate::signing::vote_sign_bytes(chain_id(), &message));
    SignedMessage::new(message, signature)
}

fn log(path: &Path, sequence: u64, votes: &[SignedMessage<LegContext, BlockVote>]) {
    let mut log = Log::open(path).unwrap();
    log.reset(sequence).unwrap();
    for vote in votes {
        let mut bytes = vec![];
        encode_entry(Input::Vote(vote.clone()), &EngineCodec, &mut bytes).unwrap();
        log.append(&bytes).unwrap();
    }
    log.flush().unwrap();
}

fn mark(votes: &[SignedMessage<LegContext, BlockVote>]) -> Mark {
    let signed = votes.iter().map(|v| Signed::vote(chain_id(), &v.message)).collect();
    Mark { chain: chain_id(), height: Height::new(7), signed }
}

fn silent(path: &Path, mark: Option<&Mark>, next: u64) -> Option<u64> {
    silent_until(path, chain_id(), mark, member(1), Height::new(next)).unwrap().map(Height::get)
}

#[test]
fn a_node_votes_at_once_when_its_log_holds_what_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal");
    let own = [vote(1, VoteType::Prevote, 0), vote(1, VoteType::Precommit, 0)];
    assert_eq!(mark(&own).signed[1].kind, SignedKind::Precommit);
    assert_eq!(silent(&path, None, 7), None, "nothing was ever signed");
    assert!(!path.exists(), "looking creates no log");
    log(&path, 7, &[vote(0, VoteType::Prevote, 0), own[0].clone(), own[1].clone(), vote(2, VoteType::Prevote, 0)]);
    assert_eq!(silent(&path, Some(&mark(&own)), 7), None);
    assert_eq!(silent(&path, Some(&mark(&own)), 8), None, "the marked height is decided");
    // The log may know more than the mark: it is flushed first.
    assert_eq!(silent(&path, Some(&mark(&own[..1])), 7), None);
}

#[test]
fn a_lost_or_older_log_silences_the_node_up_to_the_mark() {
    let folder = tempfile::tempdir().unwrap();
    let own = [vote(1, VoteType::Prevote, 0), vote(1, VoteType::Precommit, 0)];
    let path = |name: &str| folder.path().join(name);
    assert_eq!(silent(&path("missing"), Some(&mark(&own)), 7), Some(7));
    log(&path("short"), 7, &own[..1]);
    assert_eq!(silent(&path("short"), Some(&mark(&own)), 7), Some(7));
    log(&path("of-another"), 7, &[vote(2, VoteType::Prevote, 0)]);
    assert_eq!(silent(&path("of-another"), Some(&mark(&own)), 7), Some(7));
    log(&path("earlier"), 6, &own);
    assert_eq!(silent(&path("earlier"), Some(&mark(&own)), 7), Some(7));
    // The chain itself was rolled back, and the log is of the height that it held then.
    log(&path("ahead"), 7, &own);
    assert_eq!(silent(&path("ahead"), Some(&mark(&own)), 5), Some(7));
}
