use super::super::{Account, Accounts, TotalsTable};
use super::*;
use crate::amount::MicroChf;

fn member(i: u32) -> MemberId {
    MemberId::parse(&format!("hub-{i}")).unwrap()
}

fn account(free: u64) -> Account {
    Account { free: MicroChf::new(free), ..Account::default() }
}

#[test]
fn a_rolled_back_attempt_leaves_nothing_behind() {
    let mut state = State::default();
    let mut first = Overlay::new(&state);
    first.put::<Accounts>(member(1), account(5));
    let changes = first.into_changes();
    state.apply(changes);

    let mut overlay = Overlay::new(&state);
    overlay.put::<Accounts>(member(2), account(1));
    let result: Result<(), ()> = overlay.attempt(|o| {
        o.put::<Accounts>(member(1), account(9));
        o.remove::<Accounts>(&member(2));
        let inner: Result<(), ()> = o.attempt(|o| {
            o.put::<Accounts>(member(3), account(3));
            Ok(())
        });
        inner.unwrap();
        assert_eq!(o.range::<Accounts>(..).count(), 2);
        Err(())
    });
    assert!(result.is_err());
    let left: Vec<_> = overlay.range::<Accounts>(..).map(|(k, v)| (*k, v.free.get())).collect();
    assert_eq!(left, [(member(1), 5), (member(2), 1)]);
    assert_eq!(overlay.into_changes().entries().len(), 1);
}

#[test]
fn a_state_loads_from_its_own_entries() {
    let state = State::default();
    let mut overlay = Overlay::new(&state);
    overlay.put::<Accounts>(member(1), account(5));
    overlay.put::<TotalsTable>((), Default::default());
    let changes = overlay.into_changes();
    let mut state = State::default();
    state.apply(changes);
    let missing = State::load(state.entries());
    assert!(missing.is_err(), "a state without parameters is refused");
    assert_eq!(state.len(), 2);
}
