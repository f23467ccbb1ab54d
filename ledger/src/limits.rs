//! Every bound of the ledger in one place, with what happens at it.

/// Actions in one transaction (MARKET 2); more is an invalid form.
pub const MAX_ACTIONS: usize = 256;
/// Blocks a transaction may live ahead of the block that includes it (MARKET 2); also the length of the replay window.
pub const MAX_LIFETIME: u64 = 1_000;
/// Bytes of one encoded signed transaction; more is an invalid form.
pub const MAX_TRANSACTION_BYTES: usize = 64 * 1024;
/// Bytes of one encoded block at the first protocol version's default cap (`params.max_block_bytes` starts here).
pub const DEFAULT_BLOCK_BYTES: u32 = 256 * 1024;
/// Bytes of one encoded block that no parameter can exceed; a larger one is invalid and is not even reassembled.
pub const HARD_BLOCK_BYTES: usize = 1024 * 1024;
/// Transactions in one block; more is invalid.
pub const MAX_BLOCK_TRANSACTIONS: usize = 20_000;
/// Committee members; more is refused by genesis and governance. Under 25 plain signatures beat aggregates.
pub const MAX_COMMITTEE: usize = 24;
/// Network keys of one member (DESIGN, One swarm).
pub const MAX_NETWORK_KEYS: usize = 4;
/// Bytes of a member id, a location name, a LEG name.
pub const MAX_SLUG: usize = 32;
/// Candidates examined for one bid in one auction (MARKET 5); later ones wait for the next block.
pub const MAX_CANDIDATES: usize = 1_024;
/// Work of one auction (MARKET 5): one for each bid, one for each candidate examined, one more for each [`BACKING_PER_CHECK`] entries that
/// what a candidate's seller owes has. The bid at which it is reached is examined whole; the next block goes on with the one after it.
pub const MAX_AUCTION_CHECKS: u64 = 65_536;
/// Entries of a seller's dues or solar promises that cost an auction as much as one check (MARKET 5).
pub const BACKING_PER_CHECK: u64 = 16;
/// Fills of one bid in one auction (MARKET 5); the rest stays open.
pub const MAX_FILLS: usize = 16;
/// Largest quantity in an order, in the resource's state unit (MARKET 1).
pub const MAX_QUANTITY: u64 = 1_000_000_000_000;
/// All deposits together, micro-CHF (MARKET 1).
pub const MAX_DEPOSITED: u64 = 1 << 62;
/// Meter readings in one action.
pub const MAX_READINGS: usize = 768;
/// Market ms after a slot's end for which its increases, local-exchange report and forecasts stay in the state (31 days: the correction
/// period of MARKET 6 and a day); they are pruned then, and readings of older slots are refused. Windows of orders MUST be shorter.
pub const SLOT_RETENTION_MS: u64 = 31 * 86_400_000;
/// Energy trades that one due timer of their (community, slot) settles; the rest follows with its next turn.
pub const MAX_SLOT_SETTLEMENTS: usize = 64;
/// Settlement methods in an order's preference list.
pub const MAX_SETTLEMENT_METHODS: usize = 4;
/// Longest window of a compute order, market ms (7 days: each of its slots can be reported in one action); a longer one is refused.
pub const MAX_WINDOW_MS: u64 = 7 * 86_400_000;
/// A window ends, and a forecast lies, at most this far ahead, market ms (30 days); further ones are refused.
pub const MAX_AHEAD_MS: u64 = 30 * 86_400_000;
/// Open solar asks and running solar trades of one hub; more solar asks are refused. Bounds the cost of checking them against the forecast.
pub const MAX_SOLAR_PROMISES: usize = 1_024;
/// Replicas of one stored content; more are refused. Bounds what the announcement of one compares with.
pub const MAX_REPLICAS: u8 = 8;
/// Chunks that one action of a storage proof may prove; a challenge of 32 needs two. With slices of content up to 1 TB, 3 KiB each, one
/// action fits a transaction.
pub const MAX_CHUNK_PROOFS: usize = 16;
/// Bytes of one chunk's slice: the length, 54 tree levels of 64 bytes, 1 KiB. A longer one is an invalid form.
pub const MAX_SLICE_BYTES: usize = 8 + 54 * 64 + 1_024;
/// A storage order stays in its book at most this long, market ms (366 days).
pub const MAX_STORAGE_ORDER_MS: u64 = 366 * 86_400_000;
/// Parts of heat lots that one ask, transfer or retirement takes; more is refused, and a larger quantity takes several actions.
pub const MAX_HEAT_PARTS: usize = 256;
/// Asks that one due timer of an expired heat lot shrinks; the others follow with its next turn.
pub const MAX_SHRUNK_ASKS: usize = 64;
/// Open orders of heat against heat between one buyer and one seller on one side; more are refused.
pub const MAX_SWAPS: usize = 16;
/// Sources of one input of a zone in a slot; more are refused.
pub const MAX_ORACLE_SOURCES: usize = 32;
/// Oracles report at most this far ahead, market ms (3 days); further slots are refused.
pub const MAX_ORACLE_AHEAD_MS: u64 = 3 * 86_400_000;
/// Market ms after a slot's end for which its reports stay in the state (8 days: the mean of MARKET 5 looks back 7).
pub const ORACLE_RETENTION_MS: u64 = 8 * 86_400_000;
/// Slots of which reference prices stay in the state (7 days); older ones stand in the events of blocks.
pub const REFERENCE_SLOTS: u64 = 672;
/// Buyers of one (meter, register, slot) that a correction pays back; what is due to further ones goes to `penalties` (MARKET 6).
pub const MAX_SLOT_BUYERS: usize = 64;
/// Evidence hashes of one party in a dispute; more are refused.
pub const MAX_EVIDENCE: usize = 16;
/// Counterparties (by owner) that each part of a member's standing keeps apart; the lightest beyond them are pooled (MARKET 11).
pub const MAX_COUNTERPARTIES: usize = 16;
/// Proposals of one member that are open or wait for their height; more are refused. With [`MAX_COMMITTEE`] members that may propose this
/// bounds the proposals in the state together with [`MAX_PROPOSALS`].
pub const MAX_MEMBER_PROPOSALS: usize = 4;
/// Proposals in the state; more are refused until some end.
pub const MAX_PROPOSALS: usize = 128;
/// Longest time for votes, market ms (30 days).
pub const MAX_VOTING_MS: u64 = 30 * 86_400_000;
/// A change is in force at most this many blocks after the proposal entered (58 days at a block a second).
pub const MAX_ACTIVATION_AHEAD: u64 = 5_000_000;
/// Changes that come into force in one block; the rest in the next one.
pub const MAX_ACTIVATIONS: usize = 16;
/// Age at which a sign of life no longer shows that a hub's node is there, market ms (MARKET 11: a new committee member has a fresh one).
pub const HEARTBEAT_MS: u64 = 86_400_000;
/// Least committee that a change may leave: one faulty member of fewer would stop it (MARKET 11).
pub const MIN_COMMITTEE: usize = 4;
/// Members of the registry, those that left included; more do not join.
pub const MAX_MEMBERS: usize = 10_000;
/// Bytes of a member's name for people.
pub const MAX_NAME_BYTES: usize = 64;
/// Most watts or GB that a member is certified for.
pub const MAX_CAPACITY: u64 = 1_000_000_000_000;
/// Most machines that a hub is certified for.
pub const MAX_MACHINES: u32 = 1_000_000;
/// Highest base price, micro-CHF per priced unit: times the collar and the largest quantity it stays far from the number range.
pub const MAX_BASE_PRICE: u64 = 1_000_000_000_000;
/// Members charged in one block at a month's end; the rest in the next ones.
pub const MAX_CHARGES: usize = 64;
/// Width of a reputation bucket (MARKET 5): orders in one bucket are of equal rank.
pub const REPUTATION_BUCKET: u32 = 500;
