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
    check_log(path, chain_id(), mark, member(1), Height::new(next)).unwrap().silent_until.map(Height::get)
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

/// What the engine would replay; a damaged entry stops it.
fn replay(path: &Path) -> Vec<Input<LegContext>> {
    let mut log = Log::open(path).unwrap();
    if log.is_empty() {
        return vec![];
    }
    log_entries::<LegContext, _>(&mut log, &EngineCodec).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_damaged_tail_is_cut_off_and_the_node_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal");
    let own = [vote(1, VoteType::Prevote, 0), vote(1, VoteType::Precommit, 0)];
    let flushed = [vote(0, VoteType::Prevote, 0), own[0].clone(), own[1].clone()];
    log(&path, 7, &flushed);
    let good = std::fs::read(&path).unwrap();
    log(&path, 7, &[&flushed[..], &[vote(2, VoteType::Prevote, 0), vote(3, VoteType::Prevote, 0)]].concat());
    let whole = std::fs::read(&path).unwrap();
    let mark = mark(&own);
    let check = |name: String, bytes: &[u8], least: usize| {
        std::fs::write(&path, bytes).unwrap();
        let state = check_log(&path, chain_id(), Some(&mark), member(1), Height::new(7)).unwrap();
        assert_eq!(state, LogState { silent_until: None, replayed: Some(Height::new(7)) }, "{name}");
        let entries = replay(&path).len();
        assert!((least..=5).contains(&entries), "{name}: {entries} entries");
        assert_eq!(std::fs::read(&path).unwrap(), whole[..std::fs::metadata(&path).unwrap().len() as usize], "{name}: a prefix");
    };
    for end in (good.len()..=whole.len()).step_by(5) {
        check(format!("cut at {end}"), &whole[..end], 3);
        let mut zeroed = whole.clone();
        zeroed[end..].fill(0);
        check(format!("zero from {end}"), &zeroed, 3);
    }
    for bytes in (1..64).step_by(6) {
        check(format!("{bytes} zero bytes more"), &[&whole[..], &vec![0; bytes]].concat(), 5);
    }
    for place in (good.len()..whole.len()).step_by(5) {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x41;
        check(format!("flipped at {place}"), &flipped, 3);
    }
}

#[test]
fn damage_among_what_was_marked_silences_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal");
    let own = [vote(1, VoteType::Prevote, 0), vote(1, VoteType::Precommit, 0)];
    log(&path, 7, &own[..1]);
    let first = std::fs::metadata(&path).unwrap().len() as usize;
    log(&path, 7, &own);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[first + 20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(silent(&path, Some(&mark(&own)), 7), Some(7));
    assert_eq!(replay(&path).len(), 1);
}

#[test]
fn a_log_whose_header_was_never_written_is_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal");
    let own = [vote(1, VoteType::Prevote, 0)];
    for length in [0, 1, 4, 11, 12, 100] {
        std::fs::write(&path, vec![0; length]).unwrap();
        assert_eq!(check_log(&path, chain_id(), None, member(1), Height::new(7)).unwrap(), LogState::default(), "{length}");
        assert_eq!(silent(&path, Some(&mark(&own)), 7), Some(7), "{length}");
        assert!(replay(&path).is_empty());
    }
    std::fs::write(&path, [9; 40]).unwrap();
    assert!(check_log(&path, chain_id(), None, member(1), Height::new(7)).is_err(), "another format is not this node's to empty");
}
