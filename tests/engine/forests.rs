//! Forests: the same bits on every way, and images of ten megabytes that all processes share.

use crate::actor::{Actor, Tale, begin};
use crate::data::{self, Random, assert_exact, row_with_gaps};
use crate::figures::tell;
use crate::harness::{Engine, Setup, Watchdog, eventually};
use factord_core::channel;
use factord_core::client::{AttachOptions, Client, PredictError};
use factord_core::counters::fingerprint;
use factord_core::sys::clock;
use factord_eval::eval::eval;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Models in a directory, and an engine's arguments for it; no cost is too high.
pub(crate) fn shelf() -> (Setup, PathBuf) {
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    let setup = setup.with(&["--models", models.to_str().unwrap(), "--max-cost", "10000000"]);
    (setup, models)
}

#[test]
fn a_forest_is_answered_bit_for_bit_by_ring_batch_and_own_process() {
    let _watchdog = Watchdog::start("forests of all widths", 120);
    let (setup, models) = shelf();
    let widths = [1u16, 3, 8, 40, 700];
    let forests: Vec<_> =
        (0..).zip(widths).map(|(seed, width)| data::forest(width, 37, 6, seed)).collect();
    for (width, forest) in widths.iter().zip(&forests) {
        data::save(&models, &format!("forest-{width}"), forest);
    }
    let engine = setup.start();
    let mut random = Random(3);
    for (width, forest) in widths.iter().zip(&forests) {
        let width = usize::from(*width);
        let mut client = engine.attach(width, 32);
        let row = client.model(&format!("forest-{width}")).unwrap();
        assert_eq!(row.kind.to_string(), "forest");
        assert_eq!(row.output_count, if forest.is_classifier() { 2 } else { 1 });
        assert!(row.cost_ns > 0);
        client.fetch(row.id, 10 * SECOND).unwrap();
        let rows: Vec<f64> = (0..64).flat_map(|_| row_with_gaps(&mut random, width)).collect();
        let mut answers = vec![Err(PredictError::Deadline); 64];
        client.predict_batch(row.id, &rows, &mut answers, 10 * SECOND).unwrap();
        for (x, answer) in rows.chunks(width).zip(&answers) {
            assert_exact(forest, x, answer);
            let ring = assert_exact(forest, x, &client.predict(row.id, x, 10 * SECOND));
            let local = assert_exact(forest, x, &client.predict_local(row.id, x));
            assert_eq!((local.generation, local.epoch), (ring.generation, ring.epoch));
            assert_eq!(local.fingerprint, row.fingerprint());
        }
        for bad in [f64::INFINITY, f64::NEG_INFINITY] {
            let mut x = vec![0.5; width];
            x[width - 1] = bad;
            assert_eq!(client.predict(row.id, &x, 10 * SECOND), Err(PredictError::BadInput));
            assert_eq!(client.predict_local(row.id, &x), Err(PredictError::BadInput));
        }
        let wide = vec![0.5; width + 1];
        assert_eq!(client.predict_local(row.id, &wide), Err(PredictError::WidthMismatch));
    }
}

/// Rows of which the right answers are known beforehand.
const ROW_COUNT: usize = 256;
const WIDTH: usize = 32;
/// 5,200 trees of 127 nodes: 10.6 MB.
const TREE_COUNT: usize = 5200;
const IMAGE_LEN_MIN: u64 = 10_000_000;
const NAME: &str = "large";
const EXPECTED: &str = "expected";

fn rows() -> Vec<Vec<f64>> {
    let mut random = Random(99);
    (0..ROW_COUNT).map(|_| row_with_gaps(&mut random, WIDTH)).collect()
}

/// The bits of all rows' answers by fingerprint, as they stand beside the socket: so the processes
/// that compare them have no forest of their own.
fn read_expected(socket: &Path) -> HashMap<u64, Vec<u64>> {
    let bytes = fs::read(socket.with_file_name(EXPECTED)).unwrap();
    let words: Vec<u64> =
        bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    words.chunks(1 + ROW_COUNT).map(|version| (version[0], version[1..].to_vec())).collect()
}

/// The role of a client that evaluates in its own process while the model changes. `late` counts
/// calls that gave up waiting, `epochs` the versions met.
pub(crate) fn local(options: &AttachOptions, seed: u64) -> Tale {
    let expected = read_expected(options.socket.as_deref().unwrap());
    let options = AttachOptions { feature_count: WIDTH, slot_count: 8, ..options.clone() };
    let mut client = Client::attach(&options).unwrap();
    let id = client.model(NAME).unwrap().id;
    let (rows, mut random) = (rows(), Random(seed));
    let mut tale = Tale::default();
    let mut version = 0;
    let ended = begin();
    let start_ns = clock::monotonic_ns();
    client.fetch(id, 20 * SECOND).unwrap();
    println!("fetched {}", (clock::monotonic_ns() - start_ns) / 1000);
    while !ended.load(Ordering::Relaxed) {
        let row = random.bits() as usize % ROW_COUNT;
        tale.sent += 1;
        match client.predict_local(id, &rows[row]) {
            Ok(p) if expected.get(&p.fingerprint).is_some_and(|y| y[row] == p.y.to_bits()) => {
                tale.exact += 1;
                if p.fingerprint != version {
                    (version, tale.epochs) = (p.fingerprint, tale.epochs + 1);
                }
            }
            Ok(_) => tale.wrong += 1,
            // While the image comes, the ring has it; on a busy machine that keeps one waiting, and
            // the engine's heart may seem to stand still.
            Err(
                PredictError::Deadline
                | PredictError::BackPressure
                | PredictError::NotConnected
                | PredictError::NotFetched,
            ) => {
                tale.late += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(_) => tale.odd += 1,
        }
    }
    tale
}

/// Bytes of what processes have together: their proportional shares, so that a page that several
/// map counts once, and the sum of what each has by itself.
fn memory(pids: &[i32]) -> [u64; 2] {
    let of = |pid: i32, what: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
        let line = text.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    };
    ["Pss:", "Rss:"].map(|what| pids.iter().map(|&pid| of(pid, what)).sum())
}

/// Bytes of the images that a process has a descriptor of, each counted once, by inode.
fn image_files(pid: i32) -> BTreeMap<u64, u64> {
    let mut images = BTreeMap::new();
    for file in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let is_image = fs::read_link(file.path())
            .is_ok_and(|link| link.to_string_lossy().contains("memfd:factord-image"));
        if let Some(stat) = fs::metadata(file.path()).ok().filter(|_| is_image) {
            images.insert(stat.ino(), stat.blocks() * 512);
        }
    }
    images
}

/// Mappings of images in a process.
fn image_maps(pid: i32) -> usize {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.lines().filter(|line| line.contains("memfd:factord-image")).count()
}

/// Two versions of a forest of ten megabytes, one after the other under one name.
struct Versions {
    file: PathBuf,
    artifacts: Vec<Vec<u8>>,
}

impl Versions {
    /// Makes them, and says beside the socket what they answer.
    fn new(setup: &Setup, models: &Path) -> Versions {
        let (mut artifacts, mut expected) = (Vec::new(), Vec::new());
        for seed in 0..2 {
            let forest = data::forest(WIDTH as u16, TREE_COUNT, 6, seed);
            let artifact = data::artifact(NAME, &forest);
            expected.extend(fingerprint(&artifact.sha256()).to_le_bytes());
            for x in rows() {
                expected.extend(eval(&forest, &x).y.to_le_bytes());
            }
            artifacts.push(artifact.encode());
        }
        fs::write(setup.directory.path().join(EXPECTED), expected).unwrap();
        Versions { file: models.join(format!("{NAME}.fmodel")), artifacts }
    }

    fn put(&self, version: usize) {
        let whole = self.file.with_extension("next");
        fs::write(&whole, &self.artifacts[version % 2]).unwrap();
        fs::rename(whole, &self.file).unwrap();
    }

    /// Swaps them again and again; the longest reload in milliseconds.
    fn swap(&self, engine: &Engine, count: usize) -> f64 {
        let mut longest_ns = 0;
        for version in 1..=count {
            self.put(version);
            let start_ns = clock::monotonic_ns();
            channel::reload(engine.socket()).unwrap();
            longest_ns = longest_ns.max(clock::monotonic_ns() - start_ns);
            let there = || (image_files(engine.pid()).len() == 1).then_some(());
            eventually("the file of the version before to be closed", 5 * SECOND, there);
        }
        longest_ns as f64 / 1e6
    }
}

/// Ends the clients, whose answers must all have been right.
fn finish(actors: Vec<Actor>) {
    let tales: Vec<Tale> = actors.into_iter().map(Actor::finish).collect();
    let sum = |of: fn(&Tale) -> u64| tales.iter().map(of).sum::<u64>();
    tell(format_args!(
        "{} answers to four clients, {} wrong, {} calls late; {} times another version",
        sum(|tale| tale.exact),
        sum(|tale| tale.wrong),
        sum(|tale| tale.late),
        sum(|tale| tale.epochs),
    ));
    for tale in &tales {
        assert_eq!((tale.wrong, tale.odd), (0, 0), "{tale:?}");
        assert_eq!(tale.exact + tale.late, tale.sent, "{tale:?}");
        assert!(tale.epochs > 1, "it met no swap: {tale:?}");
    }
}

#[test]
#[ignore = "it keeps both CPUs busy: .ci/loads.sh runs it alone"]
fn an_image_of_ten_megabytes_is_shared_swapped_under_load_and_given_back() {
    let _watchdog = Watchdog::start("images of ten megabytes", 500);
    let swaps = std::env::var("FACTORD_TEST_SWAPS").map_or(8, |count| count.parse().unwrap());
    let (setup, models) = shelf();
    let versions = Versions::new(&setup, &models);
    versions.put(0);
    let engine = setup.start();
    let image_len = *image_files(engine.pid()).values().next().unwrap();
    assert!(image_len >= IMAGE_LEN_MIN, "{image_len}");
    let (base, alone) = (engine.holdings(), memory(&[engine.pid()])[0]);

    let mut actors: Vec<Actor> =
        (1..=4).map(|seed| Actor::start("forest", engine.socket(), seed)).collect();
    let fetched: Vec<String> = actors.iter_mut().map(|actor| actor.line("fetched")).collect();
    tell(format_args!("the clients' images: {} us", fetched.join(", ")));
    let clients: Vec<i32> = actors.iter().map(|actor| actor.process.pid()).collect();
    let all: Vec<i32> = clients.iter().copied().chain([engine.pid()]).collect();
    assert!(clients.iter().all(|&pid| image_maps(pid) == 1));
    let [pss, rss] = memory(&all);
    // Four copies would be 42 MB more.
    assert!(rss - pss > image_len * 5 / 2, "the pages are not shared: {pss} {rss}");

    let longest_ms = versions.swap(&engine, swaps);
    let maps = || clients.iter().all(|&pid| image_maps(pid) == 1).then_some(());
    eventually("the clients to have one image each again", 20 * SECOND, maps);
    let after = memory(&all)[0];
    finish(actors);
    engine.returns_to(&base);
    let back = memory(&[engine.pid()])[0];
    let mb = |bytes: u64| bytes as f64 / 1e6;
    tell(format_args!(
        "an image of {:.1} MB, an engine and four clients: {:.1} MB together, its pages counted \
         once ({:.1} if each counted them), {:.1} after {swaps} swaps, the longest of \
         {longest_ms:.0} ms; the engine by itself {:.1}, afterwards {:.1}",
        mb(image_len),
        mb(pss),
        mb(rss),
        mb(after),
        mb(alone),
        mb(back),
    ));
    // Room of one version more.
    assert!(back < alone + 2 * image_len, "{back} after {alone}");
}
