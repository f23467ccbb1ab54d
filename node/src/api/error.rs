//! What a client gets when something fails: `{code, message, field}`, always as JSON; the cause goes to the log.

use super::ports::{Refused, Unavailable};
use crate::chain::NotKept;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use leg_ledger::decimal::DecimalError;
use leg_ledger::execute::Inadmissible;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::FormError;
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorAnswer {
    /// Stable name of the condition, for programs.
    #[schema(example = "price_outside_collar")]
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// The field of the request that it is about, if it is about one.
    pub field: Option<String>,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    answer: Box<ErrorAnswer>,
}

impl ApiError {
    /// An error with a status, a stable code and a message.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        ApiError { status, answer: Box::new(ErrorAnswer { code: code.to_owned(), message: message.into(), field: None }) }
    }

    /// The same, about a field.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.answer.field = Some(field.into());
        self
    }

    /// The same, its field within a larger one such as `orders[3]`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.answer.field = Some(self.answer.field.map_or_else(|| parent.to_owned(), |field| format!("{parent}.{field}")));
        self
    }

    /// A field has a value that means nothing.
    pub fn bad_value(field: &str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_value", message).at(field)
    }

    /// A field is missing.
    pub fn missing(field: &str) -> Self {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "missing_field", format!("{field} is missing")).at(field)
    }

    /// A decimal in a field is no amount.
    pub fn decimal(field: &str, error: DecimalError) -> Self {
        let code = match error {
            DecimalError::NotANumber => "not_a_number",
            DecimalError::Negative => "negative",
            DecimalError::TooPrecise { .. } => "too_precise",
            DecimalError::TooLarge => "too_large",
            DecimalError::NotAShare => "out_of_range",
        };
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, error.to_string()).at(field)
    }

    /// There is no such thing.
    pub fn not_found(code: &str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::NOT_FOUND, code, message)
    }

    /// Our own fault; the cause is in the log.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed inside the node");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the node failed; its log says why")
    }

    /// The rules rejected an action. `field` is what the code is about in the request at hand.
    pub fn rejected(code: Code, field: Option<&str>) -> Self {
        let error = ApiError::new(rejection_status(code), code.name(), code.message().trim());
        match field {
            Some(field) => error.at(field),
            None => error,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.answer.code
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.answer.message
    }

    /// The field.
    pub fn field(&self) -> Option<&str> {
        self.answer.field.as_deref()
    }

    /// The body.
    pub fn into_answer(self) -> ErrorAnswer {
        *self.answer
    }
}

/// 403 who may not, 404 what is not there, 409 what the present state does not allow, 422 what no state would.
fn rejection_status(code: Code) -> StatusCode {
    match code {
        Code::MemberInactive | Code::WrongRole | Code::NotParty | Code::NotCommittee | Code::NotEntitled | Code::NoCommunity => {
            StatusCode::FORBIDDEN
        }
        Code::NotAVoter | Code::NotProposer => StatusCode::FORBIDDEN,
        Code::UnknownOrder | Code::UnknownTrade | Code::UnknownDispute | Code::UnknownContract | Code::UnknownProposal => {
            StatusCode::NOT_FOUND
        }
        Code::AtomicSibling
        | Code::SlotClosed
        | Code::InsufficientFunds
        | Code::InsufficientCapacity
        | Code::InsufficientForecast
        | Code::InsufficientHeat
        | Code::TooManySources
        | Code::SelfTrade
        | Code::TooManyOrders
        | Code::Reputation
        | Code::MarketHalted
        | Code::WrongState
        | Code::TooLate
        | Code::TooEarly
        | Code::OverClaimed
        | Code::ManifestKnown
        | Code::ReplicaClash
        | Code::NoChallenge
        | Code::NoticeGiven
        | Code::AlreadyReported
        | Code::AlreadyVoted
        | Code::TooManyProposals
        | Code::VotedAlready
        | Code::ProposalDecided
        | Code::NothingChanges
        | Code::MemberExists
        | Code::UnknownMember
        | Code::CommitteeOverlap
        | Code::CannotVote
        | Code::NoHeartbeat
        | Code::Seated
        | Code::NotHalted
        | Code::BadVersion => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(*self.answer)).into_response()
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::Inadmissible(cause) => inadmissible(&cause, message),
            Refused::Waiting => ApiError::new(StatusCode::CONFLICT, "already_waiting", message),
            Refused::NonceWaits => ApiError::new(StatusCode::CONFLICT, "replayed", message).at("nonce"),
            Refused::Quota => ApiError::new(StatusCode::TOO_MANY_REQUESTS, "member_quota", message),
            Refused::Full => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "mempool_full", message),
            Refused::Stopped => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", message),
        }
    }
}

fn inadmissible(cause: &Inadmissible, message: String) -> ApiError {
    let (status, code, field) = match cause {
        Inadmissible::Form(FormError::Chain(_)) => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_network", "chain"),
        Inadmissible::Form(FormError::Role { .. }) => (StatusCode::FORBIDDEN, "wrong_key_role", "role"),
        Inadmissible::Form(FormError::TooLong(_)) => (StatusCode::PAYLOAD_TOO_LARGE, "transaction_too_long", "transaction"),
        Inadmissible::Form(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_form", "transaction"),
        Inadmissible::UnknownMember(_) => (StatusCode::FORBIDDEN, "unknown_member", "signer"),
        Inadmissible::NoKey { .. } => (StatusCode::FORBIDDEN, "no_key", "role"),
        Inadmissible::Expired { .. } => (StatusCode::CONFLICT, "expired", "lastValid"),
        Inadmissible::TooFarAhead { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_far_ahead", "lastValid"),
        Inadmissible::Replayed { .. } => (StatusCode::CONFLICT, "replayed", "nonce"),
        Inadmissible::Signature { .. } => (StatusCode::FORBIDDEN, "bad_signature", "signature"),
    };
    ApiError::new(status, code, message).at(field)
}

impl From<NotKept> for ApiError {
    fn from(cause: NotKept) -> Self {
        let message = cause.to_string();
        match cause {
            NotKept::Unknown(_) => ApiError::not_found("unknown_height", message).at("height"),
            NotKept::Forgotten { .. } | NotKept::TooLarge => ApiError::new(StatusCode::CONFLICT, "not_kept", message).at("height"),
            NotKept::Busy => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message),
        }
    }
}

impl From<Unavailable> for ApiError {
    fn from(cause: Unavailable) -> Self {
        ApiError::internal(&cause)
    }
}
