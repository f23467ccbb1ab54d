//! Metrics of the HTTP API, and those of the node that are read when somebody asks.

use super::Telemetry;
use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// See the module. The labels are bounded: routes as they were declared, methods that HTTP names, statuses.
#[derive(Clone, Debug)]
pub struct ApiMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    height: Gauge,
    market_time: Gauge,
    peers: Gauge,
}

fn histogram() -> Histogram {
    // 0.25 ms to 16 s: reads from memory up to requests that wait for finality.
    Histogram::new(exponential_buckets(0.000_25, 4.0, 9))
}

impl ApiMetrics {
    /// Registers the metrics.
    pub fn register(telemetry: &Telemetry) -> Self {
        let metrics = ApiMetrics {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram as fn() -> Histogram),
            height: Gauge::default(),
            market_time: Gauge::default(),
            peers: Gauge::default(),
        };
        let mut registry = telemetry.registry();
        registry.register("height", "Last committed height", metrics.height.clone());
        registry.register("market_time_milliseconds", "Market time of the last block", metrics.market_time.clone());
        registry.register("connected_peers", "Connected neighbours in the swarm", metrics.peers.clone());
        let http = registry.sub_registry_with_prefix("http");
        http.register("requests", "Requests by method, route and status", metrics.requests.clone());
        http.register("request_seconds", "Time to answer by route", metrics.seconds.clone());
        metrics
    }

    /// Counts a request. `route` is `None` where no route matched.
    pub fn request(&self, method: &Method, route: Option<&str>, status: StatusCode, time: Duration) {
        let route = route.unwrap_or("unknown").to_owned();
        let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::PATCH];
        let method = if known.contains(method) { method.to_string() } else { "other".to_owned() };
        self.requests.get_or_create(&RequestLabels { method, route: route.clone(), status: status.as_u16() }).inc();
        self.seconds.get_or_create(&RouteLabels { route }).observe(time.as_secs_f64());
    }

    /// Sets what is read when somebody asks.
    pub fn observe(&self, height: u64, market_time_ms: u64, peers: usize) {
        self.height.set(i64::try_from(height).unwrap_or(i64::MAX));
        self.market_time.set(i64::try_from(market_time_ms).unwrap_or(i64::MAX));
        self.peers.set(i64::try_from(peers).unwrap_or(i64::MAX));
    }
}
