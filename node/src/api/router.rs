//! All routes, and what holds for each of them: limits, time-outs, JSON errors, metrics.

use super::compute::{get_job, submit_job};
use super::conduct::{
    concede_dispute, dispute_trade, get_dispute, get_reputation, list_disputes, send_heartbeat, submit_evidence, vote_dispute,
};
use super::error::ApiError;
use super::governance::{get_committee, get_proposal, list_ended, list_proposals, post_proposal, post_vote, withdraw_proposal};
use super::heat::{list_certificates, list_lots, retire_heat, transfer_heat};
use super::ledger::{
    follow_blocks, get_account, get_block, get_transaction, list_accounts, list_blocks, list_members, raw_block, submit_batch,
    submit_transaction,
};
use super::markets::list_markets;
use super::metering::{correct_reading, report_exchange, submit_forecast, submit_readings};
use super::openapi::openapi;
use super::oracles::{list_inputs, report_grid_level, report_solar};
use super::order::{book, cancel_order, explain_order, get_order, list_orders, place_batch, place_order, replace_order};
use super::references::list_references;
use super::service::Api;
use super::status::{healthz, metrics, status};
use super::storage::{buy_storage, get_storage, list_storage, read_content, terminate_storage, upload};
use super::trade::{cancel_trade, complete_trade, confirm_trade, get_trade, list_trades, start_trade};
use crate::page::page;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

/// Where contents are uploaded, which may take longer than other requests.
const UPLOAD: &str = "/api/storage/content";

/// The API's routes over a started state.
pub fn router(api: Api) -> Router {
    let limit = api.limits().body_bytes;
    marketplace()
        .merge(ledger())
        .merge(conduct())
        .merge(votes())
        .route("/status", get(status))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/api/openapi.json", get(openapi))
        .route("/", get(page))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(limit))
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(from_fn_with_state(api.clone(), guard))
        .with_state(api)
}

fn marketplace() -> Router<Api> {
    Router::new()
        .route("/api/marketplace/orders", post(place_order).get(list_orders))
        .route("/api/marketplace/orders/batch", post(place_batch))
        .route("/api/marketplace/orders/{id}", get(get_order).put(replace_order).delete(cancel_order))
        .route("/api/marketplace/orders/{id}/explain", get(explain_order))
        .route("/api/marketplace/book", get(book))
        .route("/api/marketplace/transactions", get(list_trades))
        .route("/api/marketplace/transactions/{id}", get(get_trade))
        .route("/api/marketplace/transactions/{id}/start", post(start_trade))
        .route("/api/marketplace/transactions/{id}/complete", post(complete_trade))
        .route("/api/marketplace/transactions/{id}/confirm", post(confirm_trade))
        .route("/api/marketplace/transactions/{id}/cancel", post(cancel_trade))
        .route("/api/meter/readings", post(submit_readings))
        .route("/api/forecasts", post(submit_forecast))
        .route("/api/exchanges", post(report_exchange))
        .route("/api/corrections", post(correct_reading))
        .route("/api/markets", get(list_markets))
        .route("/api/storage", post(buy_storage).get(list_storage))
        // The content store has its own bound.
        .route(UPLOAD, put(upload).layer(DefaultBodyLimit::disable()))
        .route("/api/storage/{id}", get(get_storage).delete(terminate_storage))
        .route("/api/storage/{id}/content", get(read_content))
        .route("/api/markets/references", get(list_references))
        .route("/api/compute", post(submit_job))
        .route("/api/compute/{id}", get(get_job))
        .route("/api/oracles", get(list_inputs))
        .route("/api/oracles/solar", post(report_solar))
        .route("/api/oracles/grid-level", post(report_grid_level))
        .route("/api/heat/lots", get(list_lots))
        .route("/api/heat/transfer", post(transfer_heat))
        .route("/api/heat/retire", post(retire_heat))
        .route("/api/heat/certificates", get(list_certificates))
}

fn conduct() -> Router<Api> {
    Router::new()
        .route("/api/marketplace/transactions/{id}/dispute", post(dispute_trade).get(get_dispute))
        .route("/api/marketplace/transactions/{id}/evidence", post(submit_evidence))
        .route("/api/marketplace/transactions/{id}/concede", post(concede_dispute))
        .route("/api/marketplace/transactions/{id}/vote", post(vote_dispute))
        .route("/api/disputes", get(list_disputes))
        .route("/api/reputation/{id}", get(get_reputation))
        .route("/api/heartbeats", post(send_heartbeat))
}

fn ledger() -> Router<Api> {
    Router::new()
        .route("/api/transactions", post(submit_transaction))
        .route("/api/transactions/batch", post(submit_batch))
        .route("/api/transactions/{id}", get(get_transaction))
        .route("/api/accounts", get(list_accounts))
        .route("/api/accounts/{id}", get(get_account))
        .route("/api/members", get(list_members))
        .route("/api/blocks", get(list_blocks))
        .route("/api/blocks/follow", get(follow_blocks))
        .route("/api/blocks/{height}", get(get_block))
        .route("/api/blocks/{height}/raw", get(raw_block))
}

fn votes() -> Router<Api> {
    Router::new()
        .route("/api/governance/proposals", post(post_proposal).get(list_proposals))
        .route("/api/governance/proposals/ended", get(list_ended))
        .route("/api/governance/proposals/{id}", get(get_proposal).delete(withdraw_proposal))
        .route("/api/governance/votes", post(post_vote))
        .route("/api/governance/committee", get(get_committee))
}

/// Serves the API on a listener until `stop` resolves; requests under way are answered first.
///
/// # Errors
/// Those of the listener.
pub async fn serve(listener: TcpListener, api: Api, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    let service = router(api.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move {
        stop.await;
        api.stop();
    };
    axum::serve(listener, service).with_graceful_shutdown(stopped).await
}

async fn unknown_route(request: Request) -> ApiError {
    let path: String = request.uri().path().chars().take(100).collect();
    ApiError::not_found("unknown_route", format!("there is nothing at {path}; /api/openapi.json lists what there is"))
}

async fn wrong_method(request: Request) -> ApiError {
    let message = format!("{} is not possible here; /api/openapi.json lists what is", request.method());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// The time-out of a request, its metrics, and headers that hold for every answer.
async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let started = tokio::time::Instant::now();
    let late = || ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the request took too long").into_response();
    let time = if route.as_deref() == Some(UPLOAD) { api.limits().upload_time } else { api.limits().request_time };
    let mut response = match api.enter() {
        Ok(_place) => tokio::time::timeout(time, next.run(request)).await.unwrap_or_else(|_| late()),
        Err(busy) => busy.into_response(),
    };
    api.metrics().request(&method, route.as_deref(), response.status(), started.elapsed());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn on_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal(&text.unwrap_or("a handler panicked")).into_response()
}
