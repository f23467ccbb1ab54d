//! The README's session for scenario 1, as a person would paste it.

use super::spec;
use leg_tests::cluster::Cluster;
use serde_json::Value;
use std::process::Command;

const README: &str = include_str!("../../../../README.md");

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_session_settles_scenario_1() {
    let script = README.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the README has a session");
    let cluster = Cluster::start(spec("readme")).await;
    let (buyer, seller) = (cluster.nodes[0].client(), cluster.nodes[1].client());
    let mut bash = Command::new("bash");
    bash.arg("-euo").arg("pipefail").arg("-c").arg(script);
    bash.env("BUYER", buyer.base()).env("BUYER_TOKEN", buyer.token().expect("a token"));
    bash.env("SELLER", seller.base()).env("SELLER_TOKEN", seller.token().expect("a token"));
    let output = tokio::task::spawn_blocking(move || bash.output()).await.expect("the session ran").expect("bash is there");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{errors}");
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let [_ask, _start, _complete, _confirm, trade, account] = answers.as_slice() else { panic!("{text}") };
    let settlement = &trade["settlement"];
    let amounts = ["grossChf", "feeChf", "sellerChf", "heatKwh"].map(|field| settlement[field].to_string());
    assert_eq!(amounts, ["1.5", "0.075", "1.425", "9"]);
    assert_eq!((account["freeChf"].to_string(), account["heatFreeKwh"].to_string()), ("5001.425".into(), "9".into()));
}
