//! Other users, on threads of this process: what the daemon sees of a client is the user that its
//! thread was when it connected.

use crate::harness::{Engine, Setup};
use rustix::process::{Gid, RawGid, RawUid, Uid};
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread::{Scope, ScopedJoinHandle};

/// A user that is on no list.
pub(crate) const STRANGER: RawUid = 64_917;
/// Users that the daemon lets in.
pub(crate) const ALLOWED: [RawUid; 3] = [64_921, 64_922, 64_923];
/// A user that may use verbs.
pub(crate) const OPERATOR: RawUid = 64_931;

/// Whether this is root, who alone can be somebody else; said plainly when not.
pub(crate) fn can_be_another_user() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("SKIPPED: only root can be another user");
    }
    root
}

/// A daemon that everybody may knock at.
pub(crate) fn open_engine(setup: Setup) -> Engine {
    let mut setup = setup;
    for uid in ALLOWED {
        setup = setup.with(&["--allow-uid", &uid.to_string()]);
    }
    setup = setup.with(&["--operator-uid", &OPERATOR.to_string()]);
    set_permissions(setup.directory.path(), Permissions::from_mode(0o755)).unwrap();
    setup.start()
}

/// Runs `body` on a thread of its own that is another user.
pub(crate) fn as_user<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    uid: RawUid,
    body: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    scope.spawn(move || {
        let uid = Uid::from_raw(uid);
        // The kernel keeps credentials by thread; only the C library spreads them over all.
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        body()
    })
}

/// The same in a group of its own, and in others.
pub(crate) fn as_member<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    uid: RawUid,
    [gid, others @ ..]: [RawGid; 3],
    body: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    scope.spawn(move || {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        rustix::thread::set_thread_groups(&others.map(Gid::from_raw)).unwrap();
        rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        body()
    })
}
