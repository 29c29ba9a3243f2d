//! The binary in a folder of its own, and tables made on the spot.

use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One minute.
pub(crate) const MINUTE_NS: i64 = 60_000_000_000;

/// What one run came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder with tables and what came of them.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The binary in this folder, without the caller's environment, dated to the year 1970.
    pub(crate) fn factord(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
        command.args(arguments).env_clear().env("SOURCE_DATE_EPOCH", "0").stdin(Stdio::null());
        command.current_dir(self.folder.path());
        command
    }

    /// Runs to the end; a panic or a signal is never fine.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.factord(arguments).output().expect("the binary can be started");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!err.contains("panicked"), "{arguments:?}: {err}");
        let code = output.status.code().expect("no signal ended it");
        Ran { code, out: String::from_utf8_lossy(&output.stdout).into_owned(), err }
    }

    /// Trains on `table.csv` into `out`, and returns the JSON.
    pub(crate) fn train(&self, more: &[&str]) -> Value {
        let mut arguments = vec!["train", "table.csv", "--out", "out", "--json"];
        arguments.extend(more);
        // Most tests look at how well a model fits its own windows.
        if !more.contains(&"--horizon") {
            arguments.extend(["--horizon", "0"]);
        }
        let ran = self.run(&arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Trains and expects a refusal: its code and message.
    pub(crate) fn refused(&self, more: &[&str]) -> (i32, String) {
        let mut arguments = vec!["train", "--out", "out", "--json"];
        arguments.extend(more);
        let ran = self.run(&arguments);
        assert_ne!(ran.code, 0, "{arguments:?}: {}", ran.out);
        assert_eq!(ran.out, "", "{arguments:?}");
        (ran.code, ran.err)
    }

    /// The names of what a folder holds; none when it is not there.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(folder)) else { return Vec::new() };
        let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }
}

/// Pseudo-random numbers in [0, 1), by SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Near 0, with a deviation of 1.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// A table under construction: one-minute windows.
pub(crate) struct Table {
    pub(crate) text: String,
}

impl Table {
    pub(crate) fn new(columns: &str) -> Table {
        Table { text: format!("symbol,start_ns,end_ns,{columns}\n") }
    }

    /// Adds the window of a minute.
    pub(crate) fn row(&mut self, symbol: &str, minute: i64, values: &[f64]) {
        let (start, end) = (minute * MINUTE_NS, (minute + 1) * MINUTE_NS);
        write!(self.text, "{symbol},{start},{end}").unwrap();
        values.iter().for_each(|value| write!(self.text, ",{value:?}").unwrap());
        self.text.push('\n');
    }
}

/// Rates of some symbols, minute by minute: the sell rate is what the buy rate leaves of 1.
pub(crate) fn rates(symbols: usize, minutes: i64, seed: u64) -> Table {
    let mut random = Random(seed);
    let mut table = Table::new("buy_rate,sell_rate,large_buy,large_sell");
    let mut level = vec![0.0; symbols];
    for minute in 0..minutes {
        for (at, level) in level.iter_mut().enumerate() {
            *level = 0.8 * *level + 0.02 * random.normal();
            let buy = (0.5 + *level + 0.05 * random.normal()).clamp(0.0, 1.0);
            let large = [0.2 * random.next(), 0.2 * random.next()];
            table.row(&format!("S{at}"), minute, &[buy, 1.0 - buy, large[0], large[1]]);
        }
    }
    table
}

/// The shared test data; `None`, said plainly, where they are not at hand.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FACTORD_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    let message = format!("{} is not there", path.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}: CI must not skip");
    eprintln!("skipped: {message}");
    None
}
