//! Names whose requests are divided among versions: the same arm for the same unit on every path,
//! and what cannot be divided.

use crate::data::{self, Random, assert_exact};
use crate::harness::{Engine, Setup, Watchdog};
use factord_core::abi;
use factord_core::channel;
use factord_core::client::{Answer, Batch, Client, PinError, PredictError, Prediction};
use factord_core::counters::fingerprint;
use factord_eval::Model;
use factord_models::file::Artifact;
use factord_models::store::{self, Arm, Digest, Salt, Store};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const NAME: &str = "spread";
/// Keys, and rows without one.
const KEY_COUNT: usize = 1_000_000;
/// The shares of the two arms, in 1/256.
const WEIGHTS: [u16; 2] = [179, 77];
/// 0.2 percentage points.
const TOLERANCE: f64 = 0.002;

/// A version of three features; each has its own answer to every row.
fn model_of(version: u64) -> Model {
    Model::linear(vec![0.5, -0.25, 0.125], version as f64).unwrap()
}

fn published(store: &mut Store, setup: &Setup, version: u64, model: &Model) -> Digest {
    let folder = setup.directory.path().join(format!("version-{version}"));
    fs::create_dir(&folder).unwrap();
    data::save(&folder, NAME, model);
    let artifact = Artifact::load(&folder.join(format!("{NAME}.fmodel"))).unwrap();
    store.publish(&artifact).unwrap().0
}

/// A store with four versions, the first of which serves.
fn full_store(setup: &Setup) -> (PathBuf, Vec<Digest>) {
    let root = setup.directory.path().join("store");
    let mut store = Store::open_or_make(&root).unwrap();
    let versions: Vec<Digest> =
        (1..5).map(|version| published(&mut store, setup, version, &model_of(version))).collect();
    store.promote(versions[0]).unwrap();
    (root, versions)
}

fn factord(engine: &Engine, root: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.arg("--socket").arg(engine.socket()).arg("model").args(words);
    command.env("FACTORD_MODELS", root).output().unwrap()
}

fn done(engine: &Engine, root: &Path, words: &[&str]) -> String {
    let output = factord(engine, root, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(engine: &Engine, root: &Path, words: &[&str]) -> String {
    let output = factord(engine, root, words);
    assert!(!output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn share(version: &Digest, weight: u16) -> String {
    format!("{}={weight}", version.short())
}

/// What serves the name in each generation, as the ledger tells, and the versions.
struct Truth {
    /// Split, salt and fingerprints by generation.
    divisions: HashMap<u32, (u64, u64, Vec<u64>)>,
    models: HashMap<u64, Model>,
}

impl Truth {
    fn read(root: &Path, versions: &[Digest]) -> Truth {
        let of = |change: &store::Change| {
            let champion = change.champion.unwrap();
            let (split, salt, arms) = match &change.split {
                None => (abi::UNDIVIDED, 0, vec![Arm { version: champion, weight: 256 }]),
                Some(split) => (abi::split(split.ends()), split.salt.0, split.shares(champion)),
            };
            let arms = arms.iter().map(|arm| fingerprint(&arm.version.0)).collect();
            (change.generation, (split, salt, arms))
        };
        let divisions = store::changes(root, NAME).unwrap().iter().map(of).collect();
        let prints = versions.iter().map(|version| fingerprint(&version.0));
        Truth { divisions, models: prints.zip((1..).map(model_of)).collect() }
    }

    /// Looks whether an answer is, to the bit, that of the arm to which its generation sends the
    /// request; which arm that is.
    fn arm(&self, key: u64, x: &[f64], answer: Answer) -> u16 {
        let got = answer.unwrap();
        let (split, salt, arms) = &self.divisions[&got.generation];
        let arm = abi::arm(*split, *salt, key, x.iter().map(|x| x.to_bits()));
        let fingerprint = arms[usize::from(arm)];
        assert_eq!((got.arm, got.fingerprint), (arm, fingerprint), "key {key}: {got:?}");
        assert_exact(&self.models[&fingerprint], x, &answer);
        arm
    }
}

/// A unit and what is asked about it.
type Unit = (u64, [f64; 3]);

fn units(count: usize, keyed: bool, seed: u64) -> Vec<Unit> {
    let mut random = Random(seed);
    let key = |random: &mut Random| if keyed { random.bits().max(1) } else { 0 };
    (0..count).map(|_| (key(&mut random), [(); 3].map(|()| random.signed()))).collect()
}

/// Asks about units through a full ring.
fn by_ring(client: &mut Client, model: u16, units: &[Unit], mut take: impl FnMut(usize, Answer)) {
    let (mut asked, mut taken) = (0, 0);
    while taken < units.len() {
        while let Some((key, x)) = units.get(asked)
            && client.submit_keyed(model, *key, x).is_ok()
        {
            asked += 1;
        }
        match client.poll().unwrap() {
            Some((_, answer)) => {
                take(taken, answer);
                taken += 1;
            }
            None => thread::yield_now(),
        }
    }
}

/// The first answer to each unit in each generation, on whichever path.
#[derive(Default)]
struct Met(HashMap<(u32, usize), Prediction>);

impl Met {
    /// Another one under the same generation is the same.
    fn note(&mut self, at: usize, answer: Answer) {
        let got = answer.unwrap();
        let first = self.0.entry((got.generation, at)).or_insert(got);
        assert_eq!((got.arm, got.y.to_bits()), (first.arm, first.y.to_bits()), "{got:?}");
    }
}

/// How often each of two arms has answered.
fn check_shares(counts: [usize; 2]) {
    let all = counts[0] + counts[1];
    for (count, weight) in counts.iter().zip(WEIGHTS) {
        let (share, meant) = (*count as f64 / all as f64, f64::from(weight) / 256.0);
        println!("figure: {count} of {all}, a share of {share:.5} where {meant:.5} was meant");
        assert!((share - meant).abs() < TOLERANCE, "{share} is not {meant}");
    }
}

/// [SPEC-782, SPEC-783]
#[test]
fn a_million_keys_have_the_arms_of_the_documented_hash_on_every_path() {
    let _watchdog = Watchdog::start("a million keys", 300);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = setup.with(&["--models", root.to_str().unwrap()]).start();
    let [first, second] = [0, 1].map(|at| share(&versions[at], WEIGHTS[at]));
    let words = ["split", NAME, &first, &second, "--salt", "d1ce5eed00000a11"];
    let said = done(&engine, &root, &words);
    assert_eq!(said, format!("serving {NAME} {first} {second}, generation 2\n"));
    let row = engine.snapshot().models.unwrap().into_iter().find(|row| row.name == NAME).unwrap();
    let other = fingerprint(&versions[1].0);
    assert_eq!((row.generation, row.arm_count, row.arm_fingerprints), (2, 2, [other, 0, 0]));
    assert_eq!(row.split, abi::split([WEIGHTS[0], 256, 256]));

    let truth = Truth::read(&root, &versions);
    let mut client = engine.attach(3, 1024);
    let number = client.number(NAME).unwrap();
    assert_eq!(client.pin(NAME, &versions[0].0), Err(PinError::Divided));
    let keyed = units(KEY_COUNT, true, 5);
    let mut arms = vec![0; KEY_COUNT];
    by_ring(&mut client, number, &keyed, |at, answer| {
        arms[at] = truth.arm(keyed[at].0, &keyed[at].1, answer);
    });
    let of_second = arms.iter().filter(|&&arm| arm == 1).count();
    check_shares([KEY_COUNT - of_second, of_second]);
    // In this process, for a key whatever is asked about it.
    for (at, (key, _)) in keyed.iter().enumerate() {
        let x = &keyed[KEY_COUNT - 1 - at].1;
        let answer = client.predict_local_keyed(number, *key, x);
        assert_eq!(truth.arm(*key, x, answer), arms[at]);
    }
    assert!(client.fetch(number, SECOND).is_ok());
    for (at, (key, _)) in keyed.iter().enumerate().take(1000) {
        let rows: Vec<f64> = keyed[at..at + 4].iter().flat_map(|(_, x)| *x).collect();
        let mut batch = Batch::of_unit(*key);
        let take = |row: usize, answer| {
            assert_eq!(truth.arm(*key, &rows[3 * row..][..3], answer), arms[at]);
        };
        client.advance_batch(&mut batch, number, &rows, take, 10 * SECOND).unwrap();
    }

    let plain = units(KEY_COUNT, false, 6);
    let rows: Vec<f64> = plain.iter().flat_map(|(_, x)| *x).collect();
    let mut answers = vec![Err(PredictError::Deadline); KEY_COUNT];
    client.predict_batch(number, &rows, &mut answers, 100 * SECOND).unwrap();
    let mut counts = [0; 2];
    for ((_, x), answer) in plain.iter().zip(&answers) {
        let arm = truth.arm(0, x, *answer);
        assert_eq!(truth.arm(0, x, client.predict_local(number, x)), arm);
        counts[usize::from(arm)] += 1;
    }
    check_shares(counts);
}

/// [SPEC-782]
#[test]
fn every_answer_is_that_of_its_generation_s_arm_while_shares_change() {
    let _watchdog = Watchdog::start("changing shares", 120);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = setup.with(&["--models", root.to_str().unwrap()]).start();
    let mut client = engine.attach(3, 64);
    let number = client.number(NAME).unwrap();
    let ended = AtomicBool::new(false);
    let units = units(4096, true, 8);
    let mut met = Met::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            let v = |at: usize, weight| share(&versions[at], weight);
            for round in 0..12 {
                let promoted = versions[round % 4].short();
                let changes: [Vec<String>; 4] = [
                    vec!["split".into(), NAME.into(), v(0, 179), v(1, 77)],
                    vec!["split".into(), NAME.into(), v(0, 100), v(1, 156)],
                    vec!["split".into(), NAME.into(), v(3, 96), v(0, 64), v(1, 64), v(2, 32)],
                    match round % 2 {
                        0 => vec!["rollback".into(), NAME.into()],
                        _ => vec!["promote".into(), NAME.into(), promoted],
                    },
                ];
                for change in changes {
                    let words: Vec<&str> = change.iter().map(String::as_str).collect();
                    assert!(done(&engine, &root, &words).starts_with("serving spread "));
                }
            }
            ended.store(true, Ordering::Relaxed);
        });
        while !ended.load(Ordering::Relaxed) {
            by_ring(&mut client, number, &units, |at, answer| met.note(at, answer));
            for (at, (key, x)) in units.iter().enumerate() {
                met.note(at, client.predict_local_keyed(number, *key, x));
            }
            thread::sleep(Duration::from_millis(2));
        }
    });
    let truth = Truth::read(&root, &versions);
    for ((_, at), got) in &met.0 {
        truth.arm(units[*at].0, &units[*at].1, Ok(*got));
    }
    let generations: HashSet<u32> = met.0.keys().map(|(generation, _)| *generation).collect();
    println!("figure: {} generations met of {}", generations.len(), truth.divisions.len());
    assert!(generations.len() > 8, "{generations:?}");
}

/// [SPEC-781, SPEC-784]
#[test]
fn what_cannot_be_divided_changes_nothing_and_the_daemon_says_why() {
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let wide = Model::linear(vec![1.0; 4], 0.0).unwrap();
    let wide = published(&mut Store::open(&root).unwrap(), &setup, 9, &wide);
    let engine = setup.with(&["--models", root.to_str().unwrap()]).start();
    let mut client = engine.attach(3, 8);
    let number = client.number(NAME).unwrap();
    let v = |at: usize, weight| share(&versions[at], weight);
    done(&engine, &root, &["split", NAME, &v(0, 179), &v(1, 77)]);
    for (words, reason) in [
        (vec![v(0, 128), v(1, 127)], "the weights 128 + 127 give 255, and must give 256"),
        (vec![v(0, 128), "zz=128".to_owned()], "have a hash that begins with \"zz\""),
        (vec![v(0, 128), share(&wide, 128)], "takes 4 features, and the champion 3"),
        (vec![v(0, 128), v(0, 128)], "is given twice"),
        (vec![v(0, 256)], "one version gets all requests: that is `factord model promote"),
        (vec![v(0, 0), v(1, 256)], "has the weight 0"),
        (vec![v(0, 128), versions[1].short()], "as in 3f5a=179"),
        (vec![v(0, 128), v(1, 128), "--salt".to_owned(), "7".to_owned()], "16 hex digits"),
    ] {
        let all: Vec<&str> =
            ["split", NAME].into_iter().chain(words.iter().map(String::as_str)).collect();
        let said = refused(&engine, &root, &all);
        assert!(said.contains(reason), "{words:?}: {said}");
    }
    let said = refused(&engine, &root, &["split", "nobody", &v(0, 128), &v(1, 128)]);
    assert!(said.contains("versions of nobody have a hash that begins"), "{said}");
    let deployment = root.join("deployment");
    let text = fs::read_to_string(&deployment).unwrap();
    fs::write(&deployment, text.replace("179", "180")).unwrap();
    let said = channel::reload(engine.socket()).unwrap_err().to_string();
    assert!(said.contains("the weights 180 + 77 give 257, and must give 256"), "{said}");
    fs::write(&deployment, &text).unwrap();
    let object = store::objects(&root).unwrap().path(&versions[1]);
    let whole = fs::read(&object).unwrap();
    fs::write(&object, &whole[..whole.len() - 1]).unwrap();
    let said = channel::reload(engine.socket()).unwrap_err().to_string();
    assert!(said.contains("holds bytes whose SHA-256 is"), "an arm's too: {said}");
    fs::write(&object, &whole).unwrap();
    let truth = Truth::read(&root, &versions);
    for (key, x) in units(100, true, 9) {
        let answer = client.predict_keyed(number, key, &x, SECOND);
        truth.arm(key, &x, answer);
        assert_eq!(answer.unwrap().generation, 2);
    }
    assert_eq!(engine.snapshot().reload_failures_total, 2);
}

/// [SPEC-780]
#[test]
fn the_command_line_shows_arms_and_a_promotion_ends_an_experiment() {
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = setup.with(&["--models", root.to_str().unwrap()]).start();
    let [a, b] = [share(&versions[0], 200), share(&versions[1], 56)];
    done(&engine, &root, &["split", NAME, &a, &b, "--salt", "00000000000000ff"]);
    let listed = done(&engine, &root, &["list"]);
    assert!(listed.starts_with(&format!("spread  {a} {b}  generation 2  linear")), "{listed}");
    let json = done(&engine, &root, &["list", "--json"]);
    let arms = format!(
        r#""split":{{"arms":[{{"version":"{}","weight":200}},{{"version":"{}","weight":56}}],"salt":"00000000000000ff"}}"#,
        versions[0], versions[1]
    );
    assert!(json.contains(&arms), "{json}");
    let (folder, short) = (root.to_str().unwrap(), versions[1].short());
    let lines = format!("arm 1  {short}  56 of 256");
    for words in [&["show", NAME, "--models", folder][..], &["show", NAME, "--served"]] {
        let page = done(&engine, &root, words);
        assert!(page.contains(&lines), "{page}");
    }
    let differences = done(&engine, &root, &["diff", NAME, "--models", folder]);
    assert!(differences.starts_with(&format!("{short}, 56 of 256:\n")), "{differences}");
    assert!(differences.contains("intercept: 1.0 -> 2.0"), "{differences}");

    let said = done(&engine, &root, &["promote", NAME, &short]);
    assert_eq!(said, format!("serving spread {short}, generation 3\n"));
    let alone = refused(&engine, &root, &["diff", NAME, "--models", folder]);
    assert!(alone.contains("what is spread to be compared with?"), "{alone}");
    let back = done(&engine, &root, &["rollback", NAME]);
    assert_eq!(back, format!("serving spread {a} {b}, generation 4\n"));
    let history = done(&engine, &root, &["history", NAME]);
    let lines: Vec<&str> = history.lines().collect();
    assert!(lines[1].contains(&format!("  split  {a} {b}  generation 2 ")), "{history}");
    assert!(lines[3].contains(&format!("  rollback  {a} {b}  generation 4 ")), "{history}");
    let salt = Truth::read(&root, &versions).divisions[&4].1;
    assert_eq!(Salt(salt), Salt(0xFF), "the same experiment");
}
