use super::*;
use crate::error::Problem;
use crate::preset::DevnetSpec;
use leg_ledger::state::View;

fn small() -> Genesis {
    let spec = DevnetSpec { solar_peak_watts: vec![10_000; 4], ..DevnetSpec::new("vector", 1_760_000_000_000) };
    spec.build().unwrap().0
}

#[test]
fn the_chain_id_of_a_small_genesis_is_frozen() {
    assert_eq!(small().chain_id().to_string(), "ca665ee4aef6232c420e3086d8effcd3b54bf0bbc2084ae886de085259574452");
}

#[test]
fn a_printed_document_is_the_same_network() {
    let genesis = small();
    let again = Genesis::from_json(&genesis.to_json()).unwrap();
    assert_eq!(again, genesis);
    assert_eq!(again.chain_id(), genesis.chain_id());
}

#[test]
fn the_order_of_members_does_not_matter() {
    let genesis = small();
    let mut content = genesis.clone().into_content();
    content.members.reverse();
    content.committee.reverse();
    assert_eq!(Genesis::new(content).unwrap().chain_id(), genesis.chain_id());
}

#[test]
fn every_part_of_the_content_is_in_the_chain_id() {
    let genesis = small();
    let changed = |change: fn(&mut Content)| {
        let mut content = genesis.clone().into_content();
        change(&mut content);
        Genesis::new(content).unwrap().chain_id()
    };
    let changes: [fn(&mut Content); 5] = [
        |c| c.name = Slug::parse("other").unwrap(),
        |c| c.params.clock.scale = 1,
        |c| c.members[0].balance = MicroChf::new(1),
        |c| c.members[0].member.capacity.storage_gb += 1,
        |c| c.committee.truncate(3),
    ];
    let mut ids: Vec<ChainId> = changes.into_iter().map(changed).collect();
    ids.push(genesis.chain_id());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[test]
fn the_state_holds_registry_keys_accounts_and_conserves_money() {
    let genesis = small();
    let state = genesis.state();
    let totals = state.get::<TotalsTable>(&()).unwrap();
    let mut money = 0;
    for entry in genesis.members() {
        let id = entry.member.id;
        assert_eq!(state.get::<Members>(&id), Some(&entry.member));
        money += state.get::<Accounts>(&id).unwrap().money().unwrap().get();
        for (role, key) in entry.member.keys.all() {
            assert_eq!(state.get::<Keys>(&key), Some(&(id, role)));
        }
    }
    assert_eq!(totals.deposited.get(), money);
    assert_eq!(money, 5 * 5_000_000_000, "four hubs and a customer");
    assert_eq!(state.get::<Committees>(&()).unwrap().current, *genesis.committee());
    assert_eq!(genesis.committee().len(), 4);
    let reloaded = State::load(state.entries()).unwrap();
    assert_eq!(reloaded, state);
}

#[test]
fn parameters_default_to_the_standard_and_can_be_overridden() {
    let text = small().to_json();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["params"] = serde_json::json!({ "fee": "0.03", "resources": { "energy": { "basePrice": 0.2 } }, "startWindowMs": 7, "storage": { "missingDays": 3 } });
    let genesis = Genesis::from_json(&json.to_string()).unwrap();
    let mut want = Params::standard(genesis.clock());
    want.fee = leg_ledger::amount::BasisPoints::new(300);
    want.resources.energy.base = leg_ledger::amount::Price::from_micro_chf(200_000);
    want.start_window_ms = 7;
    want.storage.missing_days = 3;
    assert_eq!(*genesis.params(), want);
}

/// (what to put, where, the field that the error names)
fn refused(pointer: &str, value: serde_json::Value) -> GenesisError {
    let mut json: serde_json::Value = serde_json::from_str(&small().to_json()).unwrap();
    *json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    Genesis::from_json(&json.to_string()).unwrap_err()
}

#[test]
fn a_bad_field_is_named() {
    use serde_json::json;
    let first_key = small().members()[0].member.keys.operator.to_string();
    let table = [
        ("/name", json!("Dev Net"), "name"),
        ("/scale", json!(0), "scale"),
        ("/params/fee", json!("0.06"), "params.fee"),
        ("/params/minNotional", json!("-1"), "params.minNotional"),
        ("/params/minNotional", json!("0.0000001"), "params.minNotional"),
        ("/params/resources/energy/basePrice", json!("0.18005"), "params.resources.energy.basePrice"),
        ("/params/activations", json!([]), "params.activations"),
        ("/params/activations", json!([{ "height": 1, "version": 9 }]), "params.activations"),
        ("/params/maxBlockBytes", json!(1), "params.maxBlockBytes"),
        ("/params/storage/maxMonths", json!(0), "params.storage.maxMonths"),
        ("/params/storage/challengeChunks", json!(33), "params.storage.challengeChunks"),
        ("/params/storage/missingDays", json!(0), "params.storage.missingDays"),
        ("/params/storage/dayMs", json!(0), "params.storage.dayMs"),
        ("/members/1/openingBalance", json!("4611686018428"), "members[1].openingBalance"),
        ("/members/2/member/id", json!("customer-01"), "members[2].member.id"),
        ("/members/1/member/keys/operator", json!("00"), "members[1].member.keys.operator"),
        ("/members/1/member/keys/operator", json!("01".to_string() + &"00".repeat(31)), "members[1].member.keys.operator"),
        ("/members/1/member/keys/network/0", json!(first_key), "members[1].member.keys.network[0]"),
        ("/members/1/member/location/country", json!("ch"), "members[1].member.location.country"),
        ("/params/reputation/unit", json!("0"), "params.reputation.unit"),
        ("/params/disputes/bond", json!("1.1"), "params.disputes.bond"),
        ("/params/disputes/evidenceWindowMs", json!(604_800_000), "params.disputes.evidenceWindowMs"),
        ("/params/disputes/correctionWindowMs", json!(32 * 86_400_000_u64), "params.disputes.correctionWindowMs"),
        ("/params/reputation/attendanceMs", json!(0), "params.reputation.attendanceMs"),
        ("/committee/1", json!("nobody"), "committee[1]"),
        ("/committee/1", json!("customer-01"), "committee[1]"),
        ("/committee/1", json!("hub-01"), "committee[1]"),
        ("/committee", json!([]), "committee"),
    ];
    for (pointer, value, want) in table {
        match refused(pointer, value) {
            GenesisError::Field { field, .. } => assert_eq!(field, want, "{pointer}"),
            other => panic!("{pointer}: {other}"),
        }
    }
    assert_eq!(refused("/committee", json!([])), GenesisError::field("committee", Problem::Empty));
}

#[test]
fn unknown_missing_and_repeated_fields_are_refused() {
    let text = small().to_json();
    let unknown = text.replacen("\"scale\"", "\"scales\"", 1);
    let missing = text.replacen("\"originMs\": 1760000000000,", "", 1);
    let repeated = text.replacen("\"scale\": 900,", "\"scale\": 900, \"scale\": 900,", 1);
    for (document, name) in [(unknown, "scales"), (missing, "originMs"), (repeated, "scale")] {
        let error = Genesis::from_json(&document).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
