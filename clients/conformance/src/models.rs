//! The models that the suite's daemon serves, all of them always the same.

use crate::fault::{During, Fault};
use factord_eval::{Model, ModelError};
use factord_models::catalogue;
use factord_models::file::{Artifact, Details};
use std::path::Path;

/// Features of the wide models.
pub(crate) const WIDE: usize = 1000;

/// The variants of the model that is swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    A,
    B,
}

/// Numbers that are the same in every run (splitmix64, Vigna 2015).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// Evenly in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        // 53: the bits of a double's significand.
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// So many numbers, evenly in [low, high).
    pub(crate) fn numbers(&mut self, count: usize, low: f64, high: f64) -> Vec<f64> {
        (0..count).map(|_| low + (high - low) * self.unit()).collect()
    }
}

/// The model `swing`.
pub(crate) fn swing(variant: Variant) -> Result<Model, ModelError> {
    match variant {
        Variant::A => Model::linear(vec![0.5, -1.25, 2.0], 0.125),
        Variant::B => Model::linear(vec![-0.75, 3.5, 0.0625], -2.5),
    }
}

/// The model `wide`.
pub(crate) fn wide_linear() -> Result<Model, ModelError> {
    let mut random = Random(1);
    Model::linear(random.numbers(WIDE, -1.0, 1.0), 0.25)
}

/// The model `wide-logistic`.
pub(crate) fn wide_logistic() -> Result<Model, ModelError> {
    let mut random = Random(2);
    let weights = random.numbers(WIDE, -0.125, 0.125);
    let mean = random.numbers(WIDE, 0.25, 0.75);
    let scale = random.numbers(WIDE, 0.5, 2.0);
    Model::logistic(weights, -0.5, mean, scale)
}

/// The two models built into the daemon: `regression`, then `classification`.
pub(crate) fn built_in() -> [Artifact; 2] {
    let mut served = catalogue::embedded().into_iter().map(|served| served.artifact);
    // The catalogue has exactly these two, in this order.
    let mut next = || served.next().expect("two models are built in");
    [next(), next()]
}

/// A version of a name.
pub(crate) fn artifact(name: &str, model: Result<Model, ModelError>) -> Result<Artifact, Fault> {
    let model = model.during(name)?;
    let feature_names = (0..model.width()).map(|index| format!("x{index}")).collect();
    let details = Details {
        name: name.to_owned(),
        feature_names,
        source: "conformance".to_owned(),
        ..Details::default()
    };
    Artifact::new(model, details).during(name)
}

fn save(artifact: &Artifact, folder: &Path) -> Result<(), Fault> {
    let path = folder.join(format!("{}.fmodel", artifact.name()));
    artifact.save(&path).during("a model cannot be written")
}

/// Puts a variant of `swing` into a model directory.
pub(crate) fn save_swing(variant: Variant, folder: &Path) -> Result<(), Fault> {
    save(&artifact("swing", swing(variant))?, folder)
}

/// The model whose bits tell that an answer is its own.
pub(crate) fn bound() -> Result<Model, ModelError> {
    Model::linear(vec![1.5, -0.5, 0.25], 1000.125)
}

/// Neighbours of `bb`: no answer of theirs has its bits.
fn neighbour(name: &str) -> Result<Artifact, Fault> {
    let intercept = name.bytes().map(f64::from).sum();
    artifact(name, Model::linear(vec![-2.0, 0.75, 3.0], intercept))
}

/// Directories that number the model `bb` differently, or leave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    name: &'static str,
    /// Served at the start, and put in by a reload afterwards.
    first: &'static [&'static str],
    later: &'static [&'static str],
}

const SETS: [Set; 6] = [
    Set { name: "plain", first: &["bb"], later: &[] },
    Set { name: "renumbered", first: &["aa", "bb"], later: &[] },
    Set { name: "crowded", first: &["aa", "ab", "ac", "bb"], later: &[] },
    Set { name: "without", first: &["aa", "cc"], later: &[] },
    Set { name: "late", first: &["bb"], later: &["aa", "cc"] },
    Set { name: "back", first: &["aa", "cc"], later: &["bb"] },
];

impl Set {
    /// The set of a name.
    pub(crate) fn of(name: &str) -> Result<Set, Fault> {
        let set = SETS.into_iter().find(|set| set.name == name);
        set.ok_or_else(|| Fault(format!("no set of models is called {name}")))
    }

    /// Fills a directory that does not hold it yet with what is served at the start.
    pub(crate) fn save(self, folder: &Path) -> Result<(), Fault> {
        save_named(self.first, folder)
    }

    /// Puts in what a reload brings; false when there is nothing.
    pub(crate) fn save_later(self, folder: &Path) -> Result<bool, Fault> {
        save_named(self.later, folder)?;
        Ok(!self.later.is_empty())
    }
}

fn save_named(names: &[&str], folder: &Path) -> Result<(), Fault> {
    for &name in names {
        let model = if name == "bb" { artifact(name, bound()) } else { neighbour(name) };
        save(&model?, folder)?;
    }
    Ok(())
}

/// Fills a model directory.
pub(crate) fn save_all(folder: &Path) -> Result<(), Fault> {
    for artifact in &built_in() {
        save(artifact, folder)?;
    }
    save(&artifact("wide", wide_linear())?, folder)?;
    save(&artifact("wide-logistic", wide_logistic())?, folder)?;
    save_swing(Variant::A, folder)
}
