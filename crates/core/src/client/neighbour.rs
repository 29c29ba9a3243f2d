//! A word to whoever runs a client where a worker polls: the two take turns, and each answer waits
//! for the end of a time slice.

use crate::sys::sched;
use std::sync::Once;

/// Says once a process that this thread may run on workers' CPUs alone.
pub(super) fn mention(cores: &[Option<usize>]) {
    static SAID: Once = Once::new();
    let Ok(allowed) = sched::allowed_cpus() else { return };
    let is_worker_s = |cpu: &usize| cores.contains(&Some(*cpu));
    let quiet = || std::env::var_os("FACTORD_QUIET").is_some_and(|value| !value.is_empty());
    if !allowed.is_empty() && allowed.iter().all(is_worker_s) && !quiet() {
        SAID.call_once(|| {
            let cpu = allowed[0];
            eprintln!(
                "factord: this thread can only run on CPU {cpu}, which a worker polls: they take \
                 turns; pin it elsewhere"
            );
        });
    }
}
