//! A name that two versions share, asked in every language while its weights change: each answer
//! has the arm that the documented hash gives under the generation it names, and the bits of that
//! version, through the ring, in batches and in the client's own process.

use crate::divided::{SALT, fingerprint};
use crate::engine::Engine;
use crate::fault::{During, Fault, ensure, fail};
use crate::language::Runner;
use crate::models::{self, Variant};
use crate::runner::units::{is_in_a_batch, request};
use crate::say::say;
use crate::stage::{Made, Stage, daemon, lines_of, private_folder};
use factord_core::{abi, channel};
use factord_eval::eval::{Output, eval};
use factord_models::file::Artifact;
use factord_models::store::{Arm, Digest, Salt, Store};
use std::env;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel as pipe};
use std::thread;
use std::time::Duration;

/// Requests in each language, unless `FACTORD_UNIT_REQUESTS` says how many.
// 200,000: some seconds in each, and more on a machine that has a lot to do.
const COUNT: usize = 200_000;
/// Between two changes of the weights.
const PAUSE: Duration = Duration::from_millis(5);
/// The champion's share, in 1/256, by turns.
const SHARES: [u16; 2] = [179, 77];
const NAME: &str = "regression";

/// A daemon whose name is divided, with what served under each generation.
struct Divided {
    /// Requests in each language.
    count: usize,
    store: Store,
    versions: [Artifact; 2],
    engine: Engine,
    /// The champion's share by generation; 256 where the name was not divided.
    shares: Vec<u16>,
}

impl Divided {
    fn start(folder: &Path) -> Result<Divided, Fault> {
        let version = |variant| models::artifact(NAME, models::swing(variant));
        let versions = [version(Variant::A)?, version(Variant::B)?];
        let root = folder.join("store");
        let mut store = Store::open_or_make(&root).during("the store")?;
        for version in &versions {
            store.publish(version).during("publish")?;
        }
        let served = store.promote(Digest(versions[0].sha256())).during("promote")?;
        let mut engine = Engine::prepare(&daemon()?, folder, "backoff", None)?;
        let mut shares = vec![256; served.generation as usize + 1];
        divide(&mut store, &versions, SHARES[0], &mut shares)?;
        engine.start_from(&root)?;
        let count = match env::var("FACTORD_UNIT_REQUESTS") {
            Ok(text) => text.parse().during("FACTORD_UNIT_REQUESTS")?,
            Err(_) => COUNT,
        };
        Ok(Divided { count, store, versions, engine, shares })
    }

    /// Asks in one language, while the weights change; says what came.
    fn ask(&mut self, stage: &Stage, name: &str, runner: &Runner, out: &Path) -> Result<(), Fault> {
        let changes_before = self.shares.len();
        let socket = self.engine.socket();
        let arguments = ["units", &self.count.to_string(), &out.display().to_string()];
        let child = stage.spawn_at(&socket, runner, &arguments)?;
        let (end, ended) = pipe();
        let (lines, changed) = thread::scope(|scope| {
            let changing = scope.spawn(|| self.change(&socket, ended));
            let lines = lines_of(child);
            drop(end);
            (lines, changing.join())
        });
        changed.map_err(|_| Fault("the changes panicked".to_owned()))??;
        let lines = lines?;
        ensure(lines.last().is_some_and(|status| status == "exit status: 0"), || lines.join("\n"))?;
        let text = fs::read_to_string(out).during(out.display())?;
        let answers = self.check(&text)?;
        say(format_args!(
            "units: {name}, {} requests, {answers} answers, {} changes of the weights: each \
             has its arm and its bits",
            self.count,
            self.shares.len() - changes_before,
        ));
        Ok(())
    }

    /// Changes the weights until the other end is dropped.
    fn change(&mut self, socket: &Path, ended: Receiver<()>) -> Result<(), Fault> {
        while ended.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            let share = SHARES[usize::from(self.shares.last() == Some(&SHARES[0]))];
            divide(&mut self.store, &self.versions, share, &mut self.shares)?;
            channel::reload_one(socket, NAME).during("the reload")?;
        }
        Ok(())
    }

    /// Compares what a runner wrote; how many answers there are.
    fn check(&self, text: &str) -> Result<usize, Fault> {
        let mut lines = text.lines();
        let mut count = 0;
        for index in 0..self.count as u64 {
            let line = lines.next().ok_or("lines are missing").during(index)?;
            let words: Vec<&str> = line.split(' ').collect();
            let paths = if is_in_a_batch(index) { 3 } else { 2 };
            ensure(words.len() == 4 * paths, || format!("request {index}: {line}"))?;
            let (key, x) = request(index);
            for answer in words.chunks(4) {
                let expected = self.expected(answer[0], key, x)?;
                ensure(answer[1..].join(" ") == expected, || {
                    format!("request {index}: {line} where {expected} is right")
                })?;
                count += 1;
            }
        }
        ensure(lines.next().is_none(), || "lines are left over".to_owned())?;
        Ok(count)
    }

    /// Arm, fingerprint and bits of an answer under a generation.
    fn expected(&self, generation: &str, key: u64, x: [f64; 3]) -> Result<String, Fault> {
        let number: usize = generation.parse().during(generation)?;
        let Some(&share) = self.shares.get(number) else {
            return fail(format!("there is no generation {number}"));
        };
        let bits = x.iter().map(|value| value.to_bits());
        let arm = abi::arm(abi::split([share, 256, 256]), SALT, key, bits);
        let version = &self.versions[usize::from(arm)];
        let Output { y, .. } = eval(version.model(), &x);
        Ok(format!("{arm} {:016x} {:016x}", fingerprint(version), y.to_bits()))
    }
}

/// Gives the champion a share of the name's requests, and the other version the rest.
fn divide(
    store: &mut Store,
    versions: &[Artifact; 2],
    share: u16,
    shares: &mut Vec<u16>,
) -> Result<(), Fault> {
    let arm = |at: usize, weight| Arm { version: Digest(versions[at].sha256()), weight };
    let arms = [arm(0, share), arm(1, 256 - share)];
    let served = store.split(NAME, &arms, Some(Salt(SALT))).during("split")?;
    ensure(served.generation as usize == shares.len(), || "a generation is left out".to_owned())?;
    shares.push(share);
    Ok(())
}

/// Asks in every language that has a runner; tells whether all answers were right.
pub(crate) fn agree(stage: &Stage, runners: &[Made]) -> Result<bool, Fault> {
    let folder = private_folder()?;
    let mut divided = Divided::start(folder.path())?;
    let mut right = true;
    for (language, runner) in runners {
        let Ok(runner) = runner else { continue };
        let out = folder.path().join("answers");
        if let Err(fault) = divided.ask(stage, language.name, runner, &out) {
            say(format_args!("units: {}: FAILED: {fault}", language.name));
            right = false;
        }
    }
    Ok(right)
}
