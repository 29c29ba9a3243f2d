//! A client in a forked child.

use crate::actor::Actor;
use crate::data::{self, Random, is_exact};
use crate::harness::{Engine, Watchdog};
use factord_core::client::{AttachOptions, Client};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(10);

#[test]
fn a_forked_child_replaces_its_parents_client_and_the_parents_goes_on() {
    let _watchdog = Watchdog::start("a fork", 60);
    let engine = Engine::start();
    let mut parent = Actor::start("parent", engine.socket(), 0);
    // 0 is the status of a child that ended well; 11 that of a segmentation fault.
    assert_eq!(parent.line("child"), "child 0");
    assert_eq!(parent.line("parent"), "parent right");
}

fn is_right(client: &mut Client) -> bool {
    let (model, mut random) = (&data::embedded()[0], Random(23));
    (0..1000).all(|_| {
        let x = random.row(3);
        client.predict(0, &x, DEADLINE).is_ok_and(|prediction| is_exact(model, &x, &prediction))
    })
}

/// Has a channel, and a child that exchanges it for one of its own.
pub(crate) fn parent(options: &AttachOptions) {
    let mut client = Client::attach(options).unwrap();
    assert!(is_right(&mut client));
    println!("begun");
    // SAFETY: the child calls nothing but this client and the allocator, which survives a fork.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let right = match Client::attach(options) {
            Ok(own) => {
                drop(std::mem::replace(&mut client, own));
                is_right(&mut client) && client.predict_local(0, &[0.5, 0.2, 0.3]).is_ok()
            }
            Err(_) => false,
        };
        // SAFETY: ends this process and nothing else.
        unsafe { libc::_exit(i32::from(!right)) };
    }
    let mut status = 0;
    // SAFETY: `child` is a child of this process, and `status` lives through the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    println!("\nchild {status}");
    println!("parent {}", if is_right(&mut client) { "right" } else { "wrong" });
}
