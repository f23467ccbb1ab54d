//! The ledger's height in the engine's dress.

use arc_malachitebft_core_types as engine;
use leg_ledger::ids::Height;
use std::fmt;

/// A height; genesis is 0 and the first decided block 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineHeight(Height);

impl EngineHeight {
    /// Wraps a height.
    pub const fn new(height: Height) -> Self {
        EngineHeight(height)
    }

    /// The ledger's height.
    pub const fn ledger(self) -> Height {
        self.0
    }
}

impl fmt::Display for EngineHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl engine::Height for EngineHeight {
    const ZERO: Self = EngineHeight(Height::GENESIS);
    const INITIAL: Self = EngineHeight(Height::new(1));

    fn increment_by(&self, n: u64) -> Self {
        // Saturating: a peer may name any height, and the engine adds to what it names.
        EngineHeight(Height::new(self.0.get().saturating_add(n)))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.get().checked_sub(n).map(|h| EngineHeight(Height::new(h)))
    }

    fn as_u64(&self) -> u64 {
        self.0.get()
    }
}
