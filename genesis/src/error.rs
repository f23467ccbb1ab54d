//! Why a genesis document is refused.

use leg_ledger::decimal::DecimalError;

/// Why a document is refused; the text names the field and says what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not JSON of a genesis document: a syntax error, an unknown, missing or repeated field, or a value of the wrong kind.
    #[error("the genesis document cannot be read: {0}")]
    Json(String),
    /// A field has a value that a network cannot start with.
    #[error("{field}: {problem}")]
    Field {
        /// Path of the field, such as `members[3].keys.operator`.
        field: String,
        /// What is wrong.
        problem: Problem,
    },
}

impl GenesisError {
    pub(crate) fn field(field: impl Into<String>, problem: Problem) -> Self {
        GenesisError::Field { field: field.into(), problem }
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not an amount of the field's unit.
    #[error("{text:?}: {cause}")]
    Decimal {
        /// What stood there.
        text: String,
        /// Why it is no amount.
        cause: DecimalError,
    },
    /// Outside its range.
    #[error("must lie between {least} and {most}")]
    Range {
        /// Least value, in the field's own unit.
        least: String,
        /// Greatest value.
        most: String,
    },
    /// Not a name.
    #[error("{0:?} is no name: 1 to 32 of a-z, 0-9 and '-', not at its edges")]
    NotName(String),
    /// Not a country.
    #[error("{0:?} is no country: two upper-case letters")]
    NotCountry(String),
    /// Not a key.
    #[error("not 64 lower-case hex digits of an ed25519 public key of large order")]
    NotKey,
    /// The same key or name stands elsewhere in the document.
    #[error("stands in the document twice; it is also {0}")]
    Duplicate(String),
    /// Not a multiple of the resource's lot or tick.
    #[error("must be a multiple of {0}")]
    NotMultiple(String),
    /// The member's role has no such key.
    #[error("a member of this role has no such key")]
    KeyOfRole,
    /// A committee member that cannot vote.
    #[error("a committee member must be an active hub with a consensus key and a network key")]
    CannotVote,
    /// The field needs an entry.
    #[error("must not be empty")]
    Empty,
    /// More entries or bytes than allowed.
    #[error("at most {0} are allowed")]
    TooMany(usize),
    /// No member of this name.
    #[error("there is no member {0:?}")]
    UnknownMember(String),
    /// Protocol versions must start at height 1, ascend, and be known to this program.
    #[error("versions must start at height 1, ascend, and be known to this program")]
    Activations,
    /// All deposits together exceed their bound.
    #[error("all opening balances together exceed 2^62 micro-CHF")]
    Deposits,
}
