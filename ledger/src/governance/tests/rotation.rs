use super::super::possession_message;
use crate::member::KeyRole;
use crate::receipt::{Code, Event};
use crate::signature::{PublicKey, SecretKey};
use crate::state::{Keys, Members, View};
use crate::trade::world::{World, envelope, member, secret};
use crate::transaction::RotateKey;

fn fresh(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32])
}

/// A rotation of hub-1 with a valid proof.
fn rotation(role: KeyRole, key: &SecretKey) -> RotateKey {
    let possession = key.sign(&possession_message(member("hub-1"), role, &key.public()));
    RotateKey { role, key: key.public(), possession }
}

fn rotate(world: &mut World, signer: &str, rotation: &RotateKey) -> Code {
    world.act(|ctx| super::super::rotate_key(ctx, &envelope(member(signer)), rotation))
}

#[test]
fn a_rotated_key_replaces_the_old_one_in_registry_and_index() {
    for (role, seed) in [(KeyRole::Operator, 1), (KeyRole::Meter, 2)] {
        let mut world = World::new();
        let (old, new) = (secret("hub-1", role).public(), fresh(seed));
        assert_eq!(rotate(&mut world, "hub-1", &rotation(role, &new)), Code::Ok);
        assert_eq!(world.state().get::<Members>(&member("hub-1")).unwrap().keys.signer(role), Some(new.public()));
        assert_eq!(world.state().get::<Keys>(&new.public()), Some(&(member("hub-1"), role)));
        assert_eq!(world.state().get::<Keys>(&old), None);
        assert!(world.events.contains(&Event::KeyRotated { member: member("hub-1"), role }));
        let all = world.state().range::<Keys>(..).count();
        assert_eq!(all, world.state().range::<Members>(..).map(|(_, m)| m.keys.all().len()).sum::<usize>());
    }
}

#[test]
fn the_old_key_signs_until_the_block_ends() {
    let mut world = World::new();
    let (old, new) = (secret("hub-1", KeyRole::Operator).public(), fresh(1));
    world.run(|ctx| {
        super::super::rotate_key(ctx, &envelope(member("hub-1")), &rotation(KeyRole::Operator, &new)).unwrap();
        let signer = |view: &crate::state::State| view.get::<Members>(&member("hub-1")).unwrap().keys.operator;
        assert_eq!(signer(ctx.state.base()), old, "validity reads the state after the parent");
    });
}

#[test]
fn bad_rotations_have_their_codes() {
    let good = rotation(KeyRole::Operator, &fresh(1));
    let of_other_role = RotateKey { possession: rotation(KeyRole::Meter, &fresh(1)).possession, ..good };
    // The neutral point has small order; 2^255 - 18 is 1 in a second spelling.
    let (mut small, mut second) = ([0; 32], [0xff; 32]);
    small[0] = 1;
    (second[0], second[31]) = (0xee, 0x7f);
    let raw = |bytes| RotateKey { key: PublicKey::from_bytes(bytes), ..good };
    let table = [
        ("hub-1", rotation(KeyRole::Consensus, &fresh(1)), Code::KeyRole),
        ("hub-1", rotation(KeyRole::Network, &fresh(1)), Code::KeyRole),
        ("buyer", rotation(KeyRole::Meter, &fresh(1)), Code::KeyRole),
        ("hub-2", good, Code::BadKey),
        ("hub-1", of_other_role, Code::BadKey),
        ("hub-1", rotation(KeyRole::Operator, &secret("hub-2", KeyRole::Meter)), Code::BadKey),
        ("hub-1", rotation(KeyRole::Operator, &secret("hub-1", KeyRole::Operator)), Code::BadKey),
        ("hub-1", raw(small), Code::BadKey),
        ("hub-1", raw(second), Code::BadKey),
        ("nobody", good, Code::MemberInactive),
    ];
    for (signer, rotation, want) in table {
        let mut world = World::new();
        let before = world.state().clone();
        assert_eq!(rotate(&mut world, signer, &rotation), want, "{signer} {rotation:?}");
        assert!(*world.state() == before);
    }
}

#[test]
fn two_members_cannot_take_one_key_in_one_block() {
    let mut world = World::new();
    let key = fresh(3);
    let proof = |name: &str| {
        let possession = key.sign(&possession_message(member(name), KeyRole::Operator, &key.public()));
        RotateKey { role: KeyRole::Operator, key: key.public(), possession }
    };
    world.run(|ctx| {
        assert_eq!(super::super::rotate_key(ctx, &envelope(member("hub-1")), &proof("hub-1")), Ok(()));
        assert_eq!(super::super::rotate_key(ctx, &envelope(member("hub-2")), &proof("hub-2")), Err(Code::BadKey));
    });
}
