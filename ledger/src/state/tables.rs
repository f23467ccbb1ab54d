//! The tables, declared once, and the committed state that holds them.
//!
//! A flat entry is `table id (1 byte) || canonical key` -> `canonical value`; the tree's path is its key's hash, the leaf commits to both.

use super::books::{BookOrders, OwnerOrders};
use super::index::{self, IndexKey};
use super::index_kinds::{Index, IndexRange, NetIndexChanges};
use super::{
    Account, Attendance, ChargeRun, CommitteeState, Departure, Dispute, Exchange, ForecastEntry, HeatLot, HeatLotKey, HeatReservationKey,
    MarketState, OracleKey, OracleReports, Order, Proposal, ReferenceKey, ReferencePoint, ReferenceState, Register, RegisterKey, Sale,
    SlotReading, SlotReadingKey, Standing, StorageContract, Totals, Trade,
};
use super::{Overlay, dispute, standing};
use crate::amount::{MicroChf, Quantity};
use crate::codec::{self, CodecError};
use crate::hash::{Domain, Hash};
use crate::ids::{LegId, MemberId, OrderId, OwnerId, ProposalId, TradeId};
use crate::limits::HARD_BLOCK_BYTES;
use crate::member::{KeyRole, Member};
use crate::params::Params;
use crate::signature::PublicKey;
use crate::time::Slot;
use crate::transaction::{Market, Resource, Side};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

/// What most flat keys fit in: the table's id and a hash or a name.
const FLAT_KEY_BYTES: usize = 33;

/// One typed table of the state.
pub trait Table: Sized + 'static {
    /// First byte of its flat keys; never reused.
    const ID: u8;
    /// Name for people.
    const NAME: &'static str;
    /// Whether its entries have index keys.
    const INDEXED: bool;
    /// Its key; the order of keys is the order of iteration.
    type Key: Ord + Clone + Serialize + DeserializeOwned;
    /// Its value.
    type Value: Clone + PartialEq + Serialize + DeserializeOwned;

    /// Index keys of an entry.
    fn index(key: &Self::Key, value: &Self::Value, out: &mut Vec<IndexKey>);
    #[doc(hidden)]
    fn map(tables: &Tables) -> &Entries<Self>;
    #[doc(hidden)]
    fn map_mut(tables: &mut Tables) -> &mut Entries<Self>;
    #[doc(hidden)]
    fn delta(deltas: &Deltas) -> &Delta<Self>;
    #[doc(hidden)]
    fn delta_mut(deltas: &mut Deltas) -> &mut Delta<Self>;

    /// The flat key of an entry.
    fn flat_key(key: &Self::Key) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FLAT_KEY_BYTES);
        bytes.push(Self::ID);
        codec::encode_into(key, &mut bytes);
        bytes
    }
}

/// The entries of a table. Values are boxed: an entry goes from a block's changes to the state as a pointer, and a look-up passes keys only.
pub(super) type Entries<T> = BTreeMap<<T as Table>::Key, Box<<T as Table>::Value>>;

/// A key and the change that stood there before: `None` where none did.
type Undo<T> = (<T as Table>::Key, Option<Option<Box<<T as Table>::Value>>>);

/// Changes of one table with a journal for rollback.
#[doc(hidden)]
#[derive(Debug)]
pub struct Delta<T: Table> {
    pub(super) map: BTreeMap<T::Key, Option<Box<T::Value>>>,
    pub(super) journal: Vec<Undo<T>>,
}

impl<T: Table> Default for Delta<T> {
    fn default() -> Self {
        Delta { map: BTreeMap::new(), journal: Vec::new() }
    }
}

/// Whether a table has index keys: all but those declared with `index::none`.
macro_rules! indexed {
    (none) => {
        false
    };
    ($index:ident) => {
        true
    };
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $id:literal, $field:ident: $key:ty => $value:ty, $room:ident::$index:ident;)+) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub enum $table {}

        impl Table for $table {
            const ID: u8 = $id;
            const NAME: &'static str = stringify!($field);
            const INDEXED: bool = indexed!($index);
            type Key = $key;
            type Value = $value;

            fn index(key: &Self::Key, value: &Self::Value, out: &mut Vec<IndexKey>) { $room::$index(key, value, out) }
            fn map(tables: &Tables) -> &Entries<Self> { &tables.$field }
            fn map_mut(tables: &mut Tables) -> &mut Entries<Self> { &mut tables.$field }
            fn delta(deltas: &Deltas) -> &Delta<Self> { &deltas.$field }
            fn delta_mut(deltas: &mut Deltas) -> &mut Delta<Self> { &mut deltas.$field }
        })+

        #[doc(hidden)]
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Tables { $($field: Entries<$table>,)+ }

        #[doc(hidden)]
        #[derive(Debug, Default)]
        pub struct Deltas { $($field: Delta<$table>,)+ }

        impl Deltas {
            /// Keeps the last change of a table.
            pub(super) fn keep(&mut self, table: u8) {
                match table {
                    $($id => drop(self.$field.journal.pop()),)+
                    _ => {}
                }
            }

            fn entries(&self) -> Vec<StateEntry> {
                let mut out = Vec::with_capacity([$(self.$field.map.len(),)+].iter().fold(0, |sum, n| n.saturating_add(sum)));
                $(flat_entries::<$table>(&self.$field, &mut out);)+
                out
            }

            fn apply(self, state: &mut State) { $(apply_delta::<$table>(self.$field, state);)+ }

            /// Applies the changes; what stood there before.
            pub(super) fn exchange(self, tables: &mut Tables) -> Deltas {
                Deltas { $($field: exchange_delta::<$table>(self.$field, tables),)+ }
            }

            /// Writes the changes, which stay as they are.
            pub(super) fn write(&self, overlay: &mut Overlay<'_>) { $(write_delta::<$table>(&self.$field, overlay);)+ }

            /// Number of changed entries.
            pub(super) fn len(&self) -> usize { [$(self.$field.map.len(),)+].iter().fold(0, |sum, n| n.saturating_add(sum)) }
        }

        /// Takes back the last change of a table.
        pub(super) fn undo(overlay: &mut Overlay<'_>, table: u8) {
            match table {
                $($id => overlay.undo::<$table>(),)+
                _ => {}
            }
        }

        /// The entries of a state that is being loaded, which come in the order of their keys.
        #[doc(hidden)]
        #[derive(Debug, Default)]
        pub struct Lists { $($field: Vec<(<$table as Table>::Key, Box<<$table as Table>::Value>)>,)+ }

        impl Lists {
            /// Adds an entry, and its index keys to `keys`.
            ///
            /// # Errors
            /// [`StateError`]: it is of no table of these rules, or not canonical.
            pub(super) fn add(&mut self, key: &[u8], value: &[u8], keys: &mut Vec<IndexKey>) -> Result<(), StateError> {
                let (table, key) = key.split_first().ok_or(StateError::EmptyKey)?;
                match *table {
                    $($id => self.$field.push(read_entry::<$table>(key, value, keys)?),)+
                    other => return Err(StateError::UnknownTable(other)),
                }
                Ok(())
            }

            pub(super) fn into_tables(self) -> Tables { Tables { $($field: self.$field.into_iter().collect(),)+ } }
        }

        impl State {
            /// Every entry as flat bytes, in the order of tables and keys.
            pub fn entries(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
                std::iter::empty()$(.chain(self.tables.$field.iter().map(|(k, v)| ($table::flat_key(k), codec::encode(v)))))+
            }

            /// Number of entries.
            pub fn len(&self) -> usize { [$(self.tables.$field.len(),)+].iter().fold(0, |sum, n| n.saturating_add(sum)) }
        }
    };
}

tables! {
    /// Parameters in force for the next block.
    Parameters = 1, params: () => Params, index::none;
    /// Committees.
    Committees = 2, committees: () => CommitteeState, index::none;
    /// The registry.
    Members = 3, members: MemberId => Member, index::of_member;
    /// Whose key is this: keys are unique over members and roles.
    Keys = 4, keys: PublicKey => (MemberId, KeyRole), index::none;
    /// Accounts.
    Accounts = 5, accounts: MemberId => Account, index::none;
    /// Network-wide sums.
    TotalsTable = 6, totals: () => Totals, index::none;
    /// Open orders.
    Orders = 7, orders: OrderId => Order, index::of_order;
    /// Running trades.
    Trades = 8, trades: TradeId => Trade, index::of_trade;
    /// Markets with their last price.
    Markets = 9, markets: Market => MarketState, index::of_market;
    /// Reference prices and halts, by resource and (for energy) community.
    References = 10, references: (Resource, Option<LegId>) => ReferenceState, index::none;
    /// Registers of meters.
    Registers = 11, registers: RegisterKey => Register, index::none;
    /// What registers increased by slot.
    SlotReadings = 12, slot_readings: SlotReadingKey => SlotReading, index::of_slot_reading;
    /// Energy of a community in a slot, from its first trade or report on.
    Exchanges = 13, exchanges: (LegId, Slot) => Exchange, index::of_exchange;
    /// Solar forecasts.
    Forecasts = 14, forecasts: (MemberId, Slot) => ForecastEntry, index::of_forecast;
    /// Heat lots.
    HeatLots = 15, heat_lots: HeatLotKey => HeatLot, index::of_heat_lot;
    /// Running storage contracts.
    StorageContracts = 16, storage_contracts: TradeId => StorageContract, index::of_contract;
    /// What open asks reserved of heat lots.
    HeatReservations = 20, heat_reservations: HeatReservationKey => Quantity, index::of_heat_reservation;
    /// What oracles reported, by input, zone and slot.
    OracleReportTable = 21, oracle_reports: OracleKey => OracleReports, index::of_oracle_reports;
    /// Reference prices of the last slots with their parts.
    ReferenceHistory = 22, reference_history: ReferenceKey => ReferencePoint, index::none;
    /// What reputations are computed from.
    Standings = 24, standings: MemberId => Standing, standing::of_standing;
    /// The attendance period.
    Attendances = 25, attendance: () => Attendance, index::none;
    /// Open disputes.
    Disputes = 26, disputes: TradeId => Dispute, dispute::of_dispute;
    /// What was sold of a slot's increase, as long as it can be corrected; leaves the state with the increase.
    SlotSales = 27, slot_sales: SlotReadingKey => Vec<Sale>, index::none;
    /// What a debtor owes to a creditor, part of its account's debt.
    Owed = 40, owed: (MemberId, MemberId) => MicroChf, index::none;
    /// Proposals that are open or wait for their height.
    Proposals = 28, proposals: ProposalId => Proposal, index::of_proposal;
    /// Members that left and are not paid out.
    Departures = 29, departures: MemberId => Departure, index::of_departure;
    /// The run of monthly charges, from the first charge on.
    ChargeRuns = 31, charge_runs: () => ChargeRun, index::of_charge_run;
    /// The part of members' debt that is owed to the network, micro-CHF.
    ArrearsTable = 32, arrears: MemberId => MicroChf, index::none;
}

/// One changed entry as flat bytes; `value` is `None` where it was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateEntry {
    /// Table id and canonical key.
    pub key: Vec<u8>,
    /// Canonical value.
    pub value: Option<Vec<u8>>,
}

impl StateEntry {
    /// Path in the tree.
    pub fn path(&self) -> Hash {
        Hash::of(Domain::StateKey, &self.key)
    }

    /// Value hash in the tree; `None` where the entry was removed.
    pub fn value_hash(&self) -> Option<Hash> {
        self.value.as_deref().map(value_hash)
    }
}

/// The value hash in the tree of a canonical value.
pub fn value_hash(value: &[u8]) -> Hash {
    Hash::of(Domain::StateValue, value)
}

/// Why stored entries are not a state. Fatal: the store is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A key without a table.
    #[error("a state key is empty")]
    EmptyKey,
    /// A table that these rules do not know.
    #[error("table {0} is not known")]
    UnknownTable(u8),
    /// Bytes that are not canonical.
    #[error("an entry of table {table} cannot be read: {cause}")]
    Entry {
        /// The table.
        table: &'static str,
        /// Why.
        cause: CodecError,
    },
    /// An entry that every state has is missing.
    #[error("the state has no {0}")]
    Missing(&'static str),
}

fn flat_entries<T: Table>(delta: &Delta<T>, out: &mut Vec<StateEntry>) {
    out.extend(delta.map.iter().map(|(k, v)| StateEntry { key: T::flat_key(k), value: v.as_ref().map(codec::encode) }));
}

/// An entry from its bytes; its index keys are added to `keys`.
fn read_entry<T: Table>(key: &[u8], value: &[u8], keys: &mut Vec<IndexKey>) -> Result<(T::Key, Box<T::Value>), StateError> {
    let failed = |cause| StateError::Entry { table: T::NAME, cause };
    let key = codec::decode::<T::Key>(key, HARD_BLOCK_BYTES).map_err(failed)?;
    let value = codec::decode::<T::Value>(value, HARD_BLOCK_BYTES).map_err(failed)?;
    T::index(&key, &value, keys);
    Ok((key, Box::new(value)))
}

fn apply_delta<T: Table>(delta: Delta<T>, state: &mut State) {
    for (key, value) in delta.map {
        match value {
            Some(value) => drop(T::map_mut(&mut state.tables).insert(key, value)),
            None => drop(T::map_mut(&mut state.tables).remove(&key)),
        }
    }
}

/// Applies a table's changes; what stood there before.
fn exchange_delta<T: Table>(delta: Delta<T>, tables: &mut Tables) -> Delta<T> {
    let replace = |(key, value): (T::Key, Option<Box<T::Value>>)| {
        let map = T::map_mut(tables);
        let before = match value {
            Some(value) => map.insert(key.clone(), value),
            None => map.remove(&key),
        };
        (key, before)
    };
    Delta { map: delta.map.into_iter().map(replace).collect(), journal: Vec::new() }
}

/// Writes a table's changes.
fn write_delta<T: Table>(delta: &Delta<T>, overlay: &mut Overlay<'_>) {
    for (key, value) in &delta.map {
        match value {
            Some(value) => overlay.put::<T>(key.clone(), value.as_ref().clone()),
            None => overlay.remove::<T>(key),
        }
    }
}

/// The committed state after some height.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub(super) tables: Tables,
    pub(super) index: Index,
    pub(super) counts: BTreeMap<(MemberId, Market), u64>,
    pub(super) loads: BTreeMap<(MemberId, Resource), u64>,
}

impl State {
    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the changes of a block part of the state.
    pub fn apply(&mut self, changes: ChangeSet) {
        let ChangeSet { deltas, index, counts, loads } = changes;
        self.apply_index(index, counts, loads);
        deltas.apply(self);
    }

    /// The part of a block's changes that is derived from its entries.
    pub(super) fn apply_index(
        &mut self,
        index: NetIndexChanges,
        counts: BTreeMap<(MemberId, Market), u64>,
        loads: BTreeMap<(MemberId, Resource), u64>,
    ) {
        self.index.apply(index);
        set_sums(&mut self.counts, counts);
        set_sums(&mut self.loads, loads);
    }
}

/// Sums as they are now; one goes with its last part.
fn set_sums<K: Ord>(sums: &mut BTreeMap<K, u64>, changed: BTreeMap<K, u64>) {
    for (key, sum) in changed {
        match sum {
            0 => sums.remove(&key),
            _ => sums.insert(key, sum),
        };
    }
}

/// The changes of one block.
#[derive(Debug, Default)]
pub struct ChangeSet {
    pub(super) deltas: Deltas,
    pub(super) index: NetIndexChanges,
    /// Sums over the index that changed, as they are after the block.
    pub(super) counts: BTreeMap<(MemberId, Market), u64>,
    pub(super) loads: BTreeMap<(MemberId, Resource), u64>,
}

impl ChangeSet {
    /// The changed entries as flat bytes, for the tree and the store.
    pub fn entries(&self) -> Vec<StateEntry> {
        self.deltas.entries()
    }
}

/// Reading a state: the committed one, or an overlay on it.
pub trait View {
    /// An entry.
    fn get<T: Table>(&self, key: &T::Key) -> Option<&T::Value>;

    /// Entries of a table in ascending order of key.
    fn range<'a, T: Table>(&'a self, range: impl RangeBounds<T::Key>) -> impl Iterator<Item = (&'a T::Key, &'a T::Value)> + 'a;

    /// Keys of the index in ascending order.
    fn index(&self, range: impl RangeBounds<IndexKey>) -> impl Iterator<Item = IndexKey> + '_;

    /// Rank and id of the orders on one side of a book, best first.
    fn book(&self, market: Market, side: Side) -> BookOrders<'_>;

    /// The same of one owner's.
    fn owner_book(&self, owner: OwnerId, market: Market, side: Side) -> OwnerOrders<'_>;

    /// Open orders of a member in a market.
    fn open_orders(&self, member: MemberId, market: Market) -> u64;

    /// Compute or compute-hours that a member owes, open and running, over all times (the sum of its [`IndexKey::Load`]).
    fn load(&self, member: MemberId, resource: Resource) -> u64;

    /// The state as after h-1, which members, parameters and reference prices are read from (MARKET 3); a committed state is its own.
    fn before_block(&self) -> &State;
}

impl View for State {
    fn get<T: Table>(&self, key: &T::Key) -> Option<&T::Value> {
        T::map(&self.tables).get(key).map(Box::as_ref)
    }

    fn range<'a, T: Table>(&'a self, range: impl RangeBounds<T::Key>) -> impl Iterator<Item = (&'a T::Key, &'a T::Value)> + 'a {
        T::map(&self.tables).range((owned(range.start_bound()), owned(range.end_bound()))).map(|(k, v)| (k, v.as_ref()))
    }

    fn index(&self, range: impl RangeBounds<IndexKey>) -> impl Iterator<Item = IndexKey> + '_ {
        IndexRange::new(&self.index, None, (owned(range.start_bound()), owned(range.end_bound())))
    }

    fn book(&self, market: Market, side: Side) -> BookOrders<'_> {
        self.index.book(None, market, side)
    }

    fn owner_book(&self, owner: OwnerId, market: Market, side: Side) -> OwnerOrders<'_> {
        self.index.owner_book(None, owner, market, side)
    }

    fn open_orders(&self, member: MemberId, market: Market) -> u64 {
        self.counts.get(&(member, market)).copied().unwrap_or(0)
    }

    fn load(&self, member: MemberId, resource: Resource) -> u64 {
        self.loads.get(&(member, resource)).copied().unwrap_or(0)
    }

    fn before_block(&self) -> &State {
        self
    }
}

pub(super) fn owned<T: Clone>(bound: Bound<&T>) -> Bound<T> {
    bound.cloned()
}
