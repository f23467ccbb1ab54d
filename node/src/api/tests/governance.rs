//! Proposals and votes through the API, and what a reader finds of them afterwards.

use super::client::Node;
use super::net::{Net, START};
use axum::http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

const DAY_MS: u64 = 86_400_000;

fn fee(value: u64) -> Value {
    json!({"parameter": {"parameter": "fee", "value": value}})
}

/// A proposal that can be voted on for a day, in force five blocks ahead.
fn proposal(net: &Arc<Net>, change: Value) -> Value {
    let activation = net.ledger(|ledger| ledger.tip().height.get()) + 6;
    json!({"change": change, "deadline": START + DAY_MS, "activationHeight": activation})
}

async fn propose(net: &Arc<Net>, node: &Node, change: Value) -> String {
    let answer = node.post("/api/governance/proposals", proposal(net, change)).await.ok();
    answer["proposalId"].as_str().unwrap().to_owned()
}

fn vote(id: &str, approve: bool) -> Value {
    json!({"proposalId": id, "approve": approve})
}

async fn status(node: &Node, id: &str) -> String {
    let found = node.get(&format!("/api/governance/proposals/{id}")).await.ok();
    found["status"].as_str().unwrap().to_owned()
}

fn judges(net: &Arc<Net>) -> [Node; 4] {
    ["hub-01", "hub-02", "hub-03", "hub-04"].map(|name| Node::of(net, name))
}

#[tokio::test]
async fn a_proposal_is_read_while_it_is_open_when_it_has_passed_and_when_it_is_over() {
    let net = Net::new();
    let judges = judges(&net);
    let id = propose(&net, &judges[0], fee(300)).await;
    let open = judges[1].get("/api/governance/proposals").await.ok();
    let listed = &open["proposals"][0];
    assert_eq!((listed["proposalId"].as_str(), listed["change"].clone()), (Some(id.as_str()), fee(300)));
    assert_eq!((listed["status"].as_str(), listed.get("endedHeight"), listed.get("leaf")), (Some("open"), None, None));
    for judge in &judges[..3] {
        judge.post("/api/governance/votes", vote(&id, true)).await.ok();
    }
    assert_eq!(status(&judges[3], &id).await, "passed");
    let over = judges[3].get("/api/governance/proposals/ended").await.ok();
    assert_eq!(over, json!({"proposals": []}));

    let before = net.ledger(|ledger| ledger.params().unwrap().fee.get());
    net.produce();
    net.produce();
    net.produce();
    let ended = judges[3].get(&format!("/api/governance/proposals/{id}")).await.ok();
    assert_eq!((ended["status"].as_str(), ended.get("failure")), (Some("activated"), None));
    assert!(ended["endedHeight"].as_u64().unwrap() < ended["activationHeight"].as_u64().unwrap());
    assert_eq!(ended["yes"], json!(["hub-01", "hub-02", "hub-03"]));
    assert!(ended["leaf"].is_u64());
    assert_eq!((before, net.ledger(|ledger| ledger.params().unwrap().fee.get())), (500, 300));
    assert_eq!(judges[0].get("/api/governance/proposals").await.ok()["proposals"], json!([]));
}

#[tokio::test]
async fn what_ended_is_listed_newest_first_and_by_page() {
    let net = Net::new();
    let judges = judges(&net);
    let withdrawn = propose(&net, &judges[0], fee(300)).await;
    judges[0].call(Method::DELETE, &format!("/api/governance/proposals/{withdrawn}"), None, None).await.ok();
    let rejected = propose(&net, &judges[1], json!({"parameter": {"parameter": "storage.missingDays", "value": 9}})).await;
    for judge in &judges[..2] {
        judge.post("/api/governance/votes", vote(&rejected, false)).await.ok();
    }
    let expired = propose(&net, &judges[2], json!({"parameter": {"parameter": "disputes.bond", "value": 100}})).await;
    net.advance_ms(DAY_MS);
    net.produce();

    let mut found = Vec::new();
    let mut path = "/api/governance/proposals/ended?limit=1".to_owned();
    for _ in 0..3 {
        let page = judges[3].get(&path).await.ok();
        let ended = &page["proposals"][0];
        found.push((ended["proposalId"].as_str().unwrap().to_owned(), ended["status"].as_str().unwrap().to_owned()));
        path = format!("/api/governance/proposals/ended?limit=1&cursor={}", page["next"].as_str().unwrap());
    }
    let expected = [(expired, "expired"), (rejected, "rejected"), (withdrawn, "withdrawn")];
    assert_eq!(found, expected.map(|(id, status)| (id, status.to_owned())));
    assert_eq!(judges[3].get(&path).await.ok(), json!({"proposals": []}));
    assert_eq!(judges[3].get("/api/governance/proposals/ended?cursor=x").await.error(), (422, "bad_value", Some("cursor")));
}

#[tokio::test]
async fn what_may_not_be_proposed_or_voted_says_why_and_where() {
    let net = Net::new();
    let (judge, outsider) = (Node::of(&net, "hub-01"), Node::of(&net, "hub-05"));
    let with = |change: Value, field: &str, value: Value| {
        let mut body = proposal(&net, change);
        if !field.is_empty() {
            body[field] = value;
        }
        body
    };
    let table = [
        (&outsider, with(fee(300), "", json!(0)), (403, "not_committee", None)),
        (&judge, with(fee(501), "", json!(0)), (422, "parameter_out_of_bounds", Some("change"))),
        (&judge, with(fee(300), "deadline", json!(START)), (422, "bad_proposal_deadline", Some("deadline"))),
        (&judge, with(fee(300), "activationHeight", json!(1)), (422, "bad_activation_height", Some("activationHeight"))),
        (
            &judge,
            with(json!({"parameter": {"parameter": "luck", "value": 1}}), "", json!(0)),
            (422, "bad_value", Some("change.parameter.parameter")),
        ),
    ];
    for (node, body, expected) in table {
        let reply = node.post("/api/governance/proposals", body.clone()).await;
        assert_eq!(reply.error(), expected, "{body}: {}", reply.text);
    }
    let id = propose(&net, &judge, fee(300)).await;
    let nobody = "0".repeat(64);
    assert_eq!(judge.post("/api/governance/votes", vote(&nobody, true)).await.error(), (404, "unknown_proposal", Some("proposalId")));
    assert_eq!(judge.get(&format!("/api/governance/proposals/{nobody}")).await.error(), (404, "unknown_proposal", Some("id")));
    assert_eq!(outsider.post("/api/governance/votes", vote(&id, true)).await.error(), (403, "not_a_voter", Some("proposalId")));
    judge.post("/api/governance/votes", vote(&id, true)).await.ok();
    assert_eq!(judge.post("/api/governance/votes", vote(&id, false)).await.error(), (409, "voted_already", Some("proposalId")));
    let path = format!("/api/governance/proposals/{id}");
    let other = Node::of(&net, "hub-02");
    assert_eq!(other.call(Method::DELETE, &path, None, None).await.error(), (403, "not_proposer", Some("id")));
}
