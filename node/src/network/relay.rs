//! What this node has seen, and to whom it still has to pass it on.
//!
//! ```text
//! small frames (votes, proposals, certificates): passed on at once to every peer that is not known to have them, but for
//!     those that hear the neighbour which delivered it: these get it from there, or from this node a while later
//! large frames (parts of a block): announced at once (32 bytes), passed on after a short delay to who has not announced them by then
//! ```
//! So in a complete graph each frame crosses each line once, and on a line of nodes it still reaches the end. Whom a peer hears, it says itself:
//! a lie hurts only its sender, which is served later, or of large frames not at all. What a member keeps from some of the others
//! still reaches them, by the detour over those that have it: the engine counts on that (what one correct node heard, all hear). The
//! detour is saved where a peer has left the frame's height meanwhile, which is nearly always.
//!
//! A small frame that comes again after [`REPEAT`] is news again: the engine repeats votes with the same bytes because whoever was behind
//! has refused them the first time. So each node passes a frame on at most once in that time, whatever circles in the graph. Large frames
//! are never repeated; what lacks a block asks for it by sync.

use super::direct::MAX_PEERS;
use bytes::Bytes;
use leg_ledger::ids::Height;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// After this time a small frame may be heard and passed on again; below the second after which the engine repeats its votes, and far
/// above what an echo takes.
pub(super) const REPEAT: Duration = Duration::from_millis(500);

/// Hash of a frame's content.
pub(super) type FrameHash = [u8; 32];

/// A peer's place in the bit sets below; at most [`MAX_PEERS`].
pub(super) type Slot = u8;

/// A set of peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots(u128);

impl Slots {
    pub(super) fn insert(&mut self, slot: Slot) {
        debug_assert!(usize::from(slot) < MAX_PEERS);
        self.0 |= 1 << slot;
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.0 &= !(1 << slot);
    }

    pub(super) fn contains(self, slot: Slot) -> bool {
        self.0 & (1 << slot) != 0
    }

    pub(super) fn without(self, other: Slots) -> Slots {
        Slots(self.0 & !other.0)
    }

    pub(super) fn and(self, other: Slots) -> Slots {
        Slots(self.0 | other.0)
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// When it was last published, or heard and passed on.
    seen_at: Option<Instant>,
    /// Peers that need not be sent it.
    has: Slots,
}

/// Frames that wait, the first due first.
#[derive(Debug)]
struct Queue<T> {
    delay: Duration,
    most: usize,
    waiting: VecDeque<(Instant, T)>,
}

impl<T> Queue<T> {
    fn new((delay, most): (Duration, usize)) -> Self {
        Queue { delay, most, waiting: VecDeque::new() }
    }

    fn push(&mut self, item: T, now: Instant) {
        let mut at = now + self.delay;
        if self.waiting.len() >= self.most {
            // No room to wait: all go now, in order.
            self.waiting.iter_mut().for_each(|(due, _)| *due = now);
            at = now;
        }
        self.waiting.push_back((at, item));
    }

    fn next(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }

    fn pop_due(&mut self, now: Instant) -> Option<T> {
        self.next().filter(|due| *due <= now)?;
        self.waiting.pop_front().map(|(_, item)| item)
    }
}

/// How long frames wait, and how many at a time; beyond it they do not wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// Large frames, for announcements.
    pub(super) held: (Duration, usize),
    /// Small frames, for those that hear who delivered them.
    pub(super) spare: (Duration, usize),
}

/// See the module. Pure: the caller brings the time and sends.
#[derive(Debug)]
pub(super) struct Relay {
    capacity: usize,
    entries: HashMap<FrameHash, Entry>,
    order: VecDeque<FrameHash>,
    /// Large frames that wait for announcements.
    held: Queue<(FrameHash, Bytes)>,
    /// Small frames that some peers have from elsewhere, in all likelihood, and their heights.
    spare: Queue<(FrameHash, Bytes, Height)>,
}

impl Relay {
    /// Remembers `capacity` frames, the oldest forgotten first.
    pub(super) fn new(capacity: usize, waits: Waits) -> Self {
        let (entries, order) = (HashMap::new(), VecDeque::new());
        Relay { capacity: capacity.max(1), entries, order, held: Queue::new(waits.held), spare: Queue::new(waits.spare) }
    }

    fn entry(&mut self, hash: FrameHash) -> &mut Entry {
        if !self.entries.contains_key(&hash) {
            self.order.push_back(hash);
            if self.order.len() > self.capacity
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
        }
        self.entries.entry(hash).or_default()
    }

    /// This node publishes a frame to `peers`; returns whom to send it to.
    pub(super) fn on_published(&mut self, hash: FrameHash, peers: Slots, now: Instant) -> Slots {
        let entry = self.entry(hash);
        let first = entry.seen_at.replace(now).is_none();
        // What this node says again (the engine repeats votes) goes to all again: they may have lost it.
        let targets = if first { peers.without(entry.has) } else { peers };
        entry.has = entry.has.and(targets);
        targets
    }

    /// A peer delivered a frame. True when it is the first time, or a repetition of one that `may_repeat`: the caller MUST pass it on with
    /// one of the next two then.
    pub(super) fn on_received(&mut self, hash: FrameHash, from: Slot, may_repeat: bool, now: Instant) -> bool {
        let entry = self.entry(hash);
        let is_new = match entry.seen_at {
            None => true,
            Some(at) if may_repeat && now.saturating_duration_since(at) >= REPEAT => {
                // Those that had it may have refused it.
                entry.has = Slots::default();
                true
            }
            Some(_) => false,
        };
        entry.has.insert(from);
        if is_new {
            entry.seen_at = Some(now);
        }
        is_new
    }

    /// Passes a small frame on; returns to whom.
    pub(super) fn pass_on(&mut self, hash: FrameHash, peers: Slots) -> Slots {
        let entry = self.entry(hash);
        let targets = peers.without(entry.has);
        entry.has = entry.has.and(targets);
        targets
    }

    /// Keeps a small frame for those of `peers` that are not known to have it.
    pub(super) fn spare(&mut self, hash: FrameHash, frame: Bytes, height: Height, peers: Slots, now: Instant) {
        if peers.without(self.entry(hash).has) != Slots::default() {
            self.spare.push((hash, frame, height), now);
        }
    }

    /// Small frames whose delay is over, with who may still lack them. `left` says which peers have left a height.
    pub(super) fn spare_due(&mut self, peers: Slots, left: impl Fn(Height) -> Slots, now: Instant) -> Vec<(Bytes, Slots)> {
        let mut due = Vec::new();
        while let Some((hash, frame, height)) = self.spare.pop_due(now) {
            let targets = self.pass_on(hash, peers.without(left(height)));
            due.push((frame, targets));
        }
        due
    }

    /// Holds a large frame; returns to whom it is announced.
    pub(super) fn hold(&mut self, hash: FrameHash, frame: Bytes, peers: Slots, now: Instant) -> Slots {
        self.held.push((hash, frame), now);
        peers.without(self.entry(hash).has)
    }

    /// A peer announced that it has a frame.
    pub(super) fn on_announced(&mut self, hash: FrameHash, from: Slot) {
        self.entry(hash).has.insert(from);
    }

    /// Large frames whose delay is over, with who still lacks them.
    pub(super) fn due(&mut self, peers: Slots, now: Instant) -> Vec<(Bytes, Slots)> {
        let mut due = Vec::new();
        while let Some((hash, frame)) = self.held.pop_due(now) {
            let targets = self.pass_on(hash, peers);
            due.push((frame, targets));
        }
        due
    }

    /// When the next frame is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.held.next().into_iter().chain(self.spare.next()).min()
    }

    /// A peer is gone and its slot may become another's.
    pub(super) fn forget_peer(&mut self, slot: Slot) {
        self.entries.values_mut().for_each(|entry| entry.has.remove(slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(10);

    fn waiting(most: usize) -> Waits {
        Waits { held: (DELAY, most), spare: (3 * DELAY, most) }
    }

    fn slots(list: &[Slot]) -> Slots {
        let mut slots = Slots::default();
        list.iter().for_each(|slot| slots.insert(*slot));
        slots
    }

    #[test]
    fn small_frames_go_once_to_who_lacks_them() {
        let mut relay = Relay::new(10, waiting(4));
        let (all, now) = (slots(&[0, 1, 2, 127]), Instant::now());
        assert!(relay.on_received([1; 32], 1, true, now));
        assert_eq!(relay.pass_on([1; 32], all), slots(&[0, 2, 127]));
        assert!(!relay.on_received([1; 32], 2, true, now), "seen");
        assert_eq!(relay.pass_on([1; 32], all), Slots::default());
        assert_eq!(relay.on_published([2; 32], all, now), all);
        assert_eq!(relay.on_published([2; 32], all, now), all, "what is said again goes to all again");
        assert!(!relay.on_received([2; 32], 0, true, now), "an echo of what this node said");
    }

    #[test]
    fn a_small_frame_that_a_peer_hears_from_its_deliverer_goes_there_late_if_it_may_still_lack_it() {
        let mut relay = Relay::new(10, waiting(4));
        let (all, hears, now) = (slots(&[0, 1, 2, 3, 4]), slots(&[2, 3, 4]), Instant::now());
        let (vote, height) = (Bytes::from_static(b"vote"), Height::new(7));
        assert!(relay.on_received([1; 32], 0, true, now));
        assert_eq!(relay.pass_on([1; 32], all.without(hears)), slots(&[1]));
        relay.spare([1; 32], vote.clone(), height, all, now);
        assert!(!relay.on_received([1; 32], 3, true, now), "it has it");
        let left = |at: Height| if at == height { slots(&[4]) } else { all };
        assert_eq!(relay.next(), Some(now + 3 * DELAY));
        assert!(relay.spare_due(all, left, now + 2 * DELAY).is_empty());
        assert_eq!(relay.spare_due(all, left, now + 3 * DELAY), vec![(vote, slots(&[2]))], "1 was sent it, 3 sent it, 4 is further");
        assert_eq!(relay.next(), None);
        relay.spare([1; 32], Bytes::new(), height, slots(&[0, 1, 2, 3]), now);
        assert_eq!(relay.next(), None, "nobody lacks it");
    }

    #[test]
    fn every_repetition_of_a_small_frame_is_news_and_goes_on_but_no_echo_is() {
        let mut relay = Relay::new(10, waiting(4));
        let (all, start) = (slots(&[0, 1, 2]), Instant::now());
        for second in 0..20 {
            let now = start + Duration::from_secs(second);
            assert!(relay.on_received([1; 32], 1, true, now), "repetition {second}");
            assert_eq!(relay.pass_on([1; 32], all), slots(&[0, 2]), "whoever had it may have refused it");
            let soon = now + REPEAT - Duration::from_millis(1);
            assert!(!relay.on_received([1; 32], 0, true, soon) && !relay.on_received([1; 32], 2, true, soon), "echoes");
        }
        relay.on_published([2; 32], all, start);
        relay.on_published([2; 32], all, start + REPEAT);
        assert!(!relay.on_received([2; 32], 0, true, start + REPEAT), "an echo of this node's own repetition");
        assert!(relay.on_received([3; 32], 0, false, start));
        assert!(!relay.on_received([3; 32], 0, false, start + REPEAT), "a large frame");
    }

    #[test]
    fn large_frames_are_announced_and_go_to_who_does_not_announce_them() {
        let mut relay = Relay::new(10, waiting(4));
        let (all, now) = (slots(&[0, 1, 2, 3]), Instant::now());
        assert!(relay.on_received([1; 32], 0, false, now));
        assert_eq!(relay.hold([1; 32], Bytes::from_static(b"part"), all, now), slots(&[1, 2, 3]));
        relay.on_announced([1; 32], 2);
        assert!(!relay.on_received([1; 32], 3, false, now));
        assert!(relay.due(all, now).is_empty());
        assert_eq!(relay.next(), Some(now + DELAY));
        assert_eq!(relay.due(all, now + DELAY), vec![(Bytes::from_static(b"part"), slots(&[1]))]);
        assert_eq!(relay.next(), None);
        relay.on_announced([2; 32], 1);
        assert!(relay.on_received([2; 32], 0, false, now), "an announcement is not the frame");
        assert_eq!(relay.hold([2; 32], Bytes::new(), all, now), slots(&[2, 3]));
    }

    #[test]
    fn what_is_remembered_and_held_is_bounded() {
        let mut relay = Relay::new(3, waiting(2));
        let (all, now) = (slots(&[0, 1]), Instant::now());
        for i in 0..5 {
            assert!(relay.on_received([i; 32], 0, false, now));
            relay.hold([i; 32], Bytes::new(), all, now);
        }
        assert_eq!((relay.entries.len(), relay.order.len()), (3, 3));
        assert_eq!(relay.due(all, now).len(), 5, "beyond the bound nothing waits");
        for i in 5..10 {
            relay.spare([i; 32], Bytes::new(), Height::new(1), all, now);
        }
        assert_eq!(relay.spare_due(all, |_| Slots::default(), now).len(), 5);
        assert!(relay.on_received([0; 32], 0, false, now), "forgotten");
        relay.forget_peer(0);
        assert!(relay.entries.values().all(|entry| !entry.has.contains(0)));
    }
}
