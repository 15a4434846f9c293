//! Copies: a store without its past, whole or not at all.

use std::sync::Arc;

use profile_store::{
    Copied, CopyError, Durability, Engine, OpenError, copy,
    engine::{MemoryEngine, Write},
};

use crate::{
    clockwork::Clockwork,
    faulty::{Fault, Faulty},
    world::{World, contents, open_sled, wait},
};

/// People who moved, merged and parted, and more of them than fit a page.
fn past() -> World {
    let mut world = World::new();
    for words in ["e:ann a:tab", "x:1 p:5", "a:tab p:5 x:1 name=Ann", "x:1 a:pad", "a:pad p:6"] {
        world.say(words);
    }
    for number in 0..200 {
        world.say(&format!("e:person-{number} city=Bonn"));
    }
    world
}

fn put(key: &[u8], value: &[u8]) -> Vec<Write> {
    vec![Write { key: key.to_vec(), value: Some(value.to_vec()) }]
}

#[test]
fn a_copy_holds_what_the_store_does() {
    let world = past();
    let all = contents(world.engine.as_ref());
    let bytes = all.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    let directory = tempfile::tempdir().unwrap();
    let engines: [Arc<dyn Engine>; 2] =
        [Arc::new(MemoryEngine::new()), Arc::new(open_sled(directory.path()))];
    for engine in engines {
        let copied = wait(copy(world.engine.as_ref(), engine.as_ref())).unwrap();
        assert_eq!(copied, Copied { entries: all.len() as u64, bytes: bytes as u64 });
        assert_eq!(contents(engine.as_ref()), all);
        let again = World::resumed(engine, Clockwork::after(1_000));
        let mut again = World { known: world.known.clone(), ..again };
        again.is_sound();
        assert_eq!(again.outcomes(), world.outcomes());
        assert!(again.say("e:person-7").starts_with("unchanged"));
    }
}

#[test]
fn a_copy_goes_where_nothing_is_and_nowhere_else() {
    let world = past();
    let taken = MemoryEngine::new();
    wait(taken.apply(put(b"anything", b""))).unwrap();
    let refused = wait(copy(world.engine.as_ref(), &taken));
    assert!(matches!(refused, Err(CopyError::NotEmpty)), "{refused:?}");
    assert_eq!(contents(&taken).len(), 1);
    let refused = wait(copy(world.engine.as_ref(), world.engine.as_ref()));
    assert!(matches!(refused, Err(CopyError::NotEmpty)), "{refused:?}");
}

#[test]
fn what_is_no_store_of_this_version_is_not_copied() {
    for (key, value) in [(&b"somebody else's"[..], &b"data"[..]), (b"\0format", b"\x01")] {
        let (from, to) = (MemoryEngine::new(), MemoryEngine::new());
        wait(from.apply(put(key, value))).unwrap();
        let refused = wait(copy(&from, &to));
        assert!(matches!(refused, Err(CopyError::Format)), "{refused:?}");
        assert_eq!(contents(&to), []);
    }
}

#[test]
fn a_copy_that_was_broken_off_is_not_taken_for_a_store() {
    let world = past();
    let whole = contents(world.engine.as_ref());
    let fault = Fault { done: false, for_good: true };
    for fails_at in 0.. {
        let to = Faulty::over(Arc::new(MemoryEngine::new()), fails_at, fault);
        let copied = wait(copy(world.engine.as_ref(), &to));
        if copied.is_ok() {
            assert!(5 < fails_at, "the store is not as large as it was");
            assert_eq!(contents(to.after_crash(0).as_ref()), whole);
            break;
        }
        assert!(matches!(copied, Err(CopyError::Target(_))), "{copied:?}");
        for left in [0, 1, 2, usize::MAX].map(|surviving| to.after_crash(surviving)) {
            let identifiers = contents(left.as_ref());
            if !identifiers.is_empty() && identifiers != whole {
                let opened = World::opened(left, Clockwork::new(), Durability::Flushed);
                assert!(matches!(opened, Err(OpenError::Format)));
            }
        }
    }
}
