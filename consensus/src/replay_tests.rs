//! What the engine signs while it replays its log survives the next crash.

use crate::codec::EngineCodec;
use crate::context::LegContext;
use crate::engine::{Config, Engine, Ports, start};
use crate::metrics::SharedRegistry;
use crate::network::*;
use crate::ports::Clock;
use crate::signature_check::SignatureCheck;
use crate::testkit::*;
use crate::timeouts::Timeouts;
use arc_malachitebft_app_channel::app::consensus::Input;
use arc_malachitebft_app_channel::app::engine::wal::{encode_entry, log_entries};
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_app_channel::app::wal::Log;
use arc_malachitebft_core_types::{NilOrVal, Round, Timeout, VoteType};
use async_trait::async_trait;
use leg_ledger::time::BlockTime;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> BlockTime {
        at(60)
    }
}

/// A network without peers that writes down what would leave.
struct Recorder(mpsc::UnboundedSender<SignedConsensusMsg<LegContext>>);

#[async_trait]
impl Actor for Recorder {
    type Msg = NetworkMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<NetworkMsg>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<NetworkMsg>, message: NetworkMsg, _: &mut ()) -> Result<(), ActorProcessingErr> {
        match message {
            NetworkMsg::Subscribe(subscriber) => subscriber.send(NetworkEvent::Listening("/ip4/127.0.0.1/tcp/1".parse().unwrap())),
            NetworkMsg::PublishConsensusMsg(message) => self.0.send(message)?,
            _ => {}
        }
        Ok(())
    }
}

/// Starts a member alone, waits for the first message that leaves it, and stops it.
async fn first_words(index: u8, mark: &MemoryMark, wal_path: &Path) -> SignedConsensusMsg<LegContext> {
    let (sender, mut published) = mpsc::unbounded_channel();
    let (network, _) = Actor::spawn(None, Recorder(sender), ()).await.unwrap();
    let config = Config {
        chain: chain_id(),
        voter: Some(voter(index)),
        wal_path: wal_path.to_owned(),
        pace: pace(),
        timeouts: Timeouts::local(Duration::from_secs(600)),
        signatures: SignatureCheck::default(),
    };
    let ports = Ports {
        chain: Box::new(MemoryChain::new(4)),
        proposals: Box::new(MemoryProposals::default()),
        mark: Some(Box::new(mark.clone())),
        clock: Box::new(StillClock),
    };
    let mut engine: Engine = start(config, ports, network, SharedRegistry::global()).await.unwrap();
    assert_eq!(engine.silent_until(), None, "its log knows all that it signed");
    let first = tokio::time::timeout(Duration::from_secs(60), published.recv()).await.expect("it votes within a minute").unwrap();
    engine.stop();
    engine.ended().await;
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_that_was_first_signed_in_replay_is_in_the_log_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal");
    let own = (proposer(1, 0) + 1) % 4;
    // The first process died after it logged a time-out, and before it logged the vote that follows from it.
    {
        let mut log = Log::open(&path).unwrap();
        log.reset(1).unwrap();
        let mut entry = vec![];
        encode_entry::<LegContext, _, _>(Input::TimeoutElapsed(Timeout::propose(Round::new(0))), &EngineCodec, &mut entry).unwrap();
        log.append(&entry).unwrap();
        log.flush().unwrap();
    }
    let mark = MemoryMark::default();
    let first = first_words(own, &mark, &path).await;
    let SignedConsensusMsg::Vote(vote) = &first else { panic!("{first:?}") };
    assert_eq!((vote.message.kind, vote.message.value, vote.message.voter.member()), (VoteType::Prevote, NilOrVal::Nil, member(own)));
    assert!(mark.saved.lock().unwrap().is_some());
    let logged = |path: &Path| {
        let mut log = Log::open(path).unwrap();
        let entries: Vec<_> = log_entries::<LegContext, _>(&mut log, &EngineCodec).unwrap().map(Result::unwrap).collect();
        entries.iter().filter(|e| matches!(e, Input::Vote(logged) if logged == vote)).count()
    };
    assert_eq!(logged(&path), 1);
    // Killed in the same height again, it still may vote, says the same, and does not fill its log with it.
    for _ in 0..2 {
        assert_eq!(first_words(own, &mark, &path).await, first);
    }
    assert_eq!(logged(&path), 1);
}
