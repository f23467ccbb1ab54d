//! The description of the API, made from its handlers.

use super::error::ErrorAnswer;
use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "LEG ledger",
        description = "A hub's node: marketplace, ledger, status. Amounts are exact decimals; times are RFC 3339 in market time."
    ),
    paths(
        super::order::place_order,
        super::order::place_batch,
        super::order::replace_order,
        super::order::cancel_order,
        super::order::get_order,
        super::order::list_orders,
        super::order::book,
        super::order::explain_order,
        super::markets::list_markets,
        super::trade::list_trades,
        super::trade::get_trade,
        super::trade::start_trade,
        super::trade::complete_trade,
        super::trade::confirm_trade,
        super::trade::cancel_trade,
        super::storage::buy_storage,
        super::storage::upload,
        super::storage::list_storage,
        super::storage::get_storage,
        super::storage::terminate_storage,
        super::storage::read_content,
        super::metering::submit_readings,
        super::metering::submit_forecast,
        super::metering::report_exchange,
        super::references::list_references,
        super::compute::submit_job,
        super::compute::get_job,
        super::oracles::list_inputs,
        super::oracles::report_solar,
        super::oracles::report_grid_level,
        super::heat::list_lots,
        super::heat::transfer_heat,
        super::heat::retire_heat,
        super::heat::list_certificates,
        super::metering::correct_reading,
        super::conduct::get_reputation,
        super::conduct::send_heartbeat,
        super::conduct::list_disputes,
        super::conduct::get_dispute,
        super::conduct::dispute_trade,
        super::conduct::submit_evidence,
        super::conduct::concede_dispute,
        super::conduct::vote_dispute,
        super::ledger::submit_transaction,
        super::ledger::submit_batch,
        super::ledger::get_transaction,
        super::ledger::get_account,
        super::ledger::list_accounts,
        super::ledger::list_members,
        super::ledger::list_blocks,
        super::ledger::get_block,
        super::ledger::raw_block,
        super::ledger::follow_blocks,
        super::governance::post_proposal,
        super::governance::list_proposals,
        super::governance::list_ended,
        super::governance::get_proposal,
        super::governance::withdraw_proposal,
        super::governance::post_vote,
        super::governance::get_committee,
        super::status::status,
        super::status::healthz,
        super::status::metrics
    ),
    components(schemas(ErrorAnswer)),
    modifiers(&Token),
    tags(
        (name = "orders", description = "Order books and prices."),
        (name = "transactions", description = "The marketplace's transactions and their life."),
        (name = "storage", description = "Storage contracts and their content."),
        (name = "meter", description = "What meters, hubs and grid operators report."),
        (name = "compute", description = "Jobs for Grid-OS: an order for compute and what became of it."),
        (name = "oracles", description = "Price inputs: reports and their health."),
        (name = "heat", description = "Heat credits: lots, transfer, retirement, certificates."),
        (name = "disputes", description = "Disputes, reputations and heartbeats."),
        (name = "ledger", description = "Members, accounts, blocks, signed transactions."),
        (name = "governance", description = "Proposals, votes, the committee."),
        (name = "node", description = "This node.")
    )
)]
pub struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The node's token.")).build();
        if let Some(components) = document.components.as_mut() {
            components.add_security_scheme("token", SecurityScheme::Http(scheme));
        }
    }
}

/// The description of the API as OpenAPI 3.1.
pub async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
