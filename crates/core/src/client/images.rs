//! Images that this process has: fetched over the channel's own connection, one at a time, without
//! waiting. A forest is evaluated in its image, whose pages all processes share; they are checked a
//! piece a step.

use crate::abi::image_region;
use crate::channel::{Connection, REPLY_LEN_MAX, Verb};
use crate::model::image::{self, Content};
use crate::region::Frozen;
use factord_eval::Forest;
use factord_eval::evaluator::{Evaluation, Evaluator, evaluate_forest};
use factord_eval::forest::Check;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Images kept at once; the one that was asked for longest ago makes room.
// 256: 25 KiB each at 1,024 features. Those of versions that are replaced go at once.
const IMAGE_COUNT_MAX: usize = 256;

/// Nodes checked in a step.
// 4,096: 64 KiB, or 16 pages that are read for the first time. The 162 steps of an image of 10.6 MB
// took 2.9 ms on a busy EPYC (`tests/engine/forests.rs`), 18 us each of the 50 that one may take.
const NODES_A_STEP: usize = 4096;

/// A version in this process, ready to evaluate.
#[derive(Clone, Debug)]
pub(super) enum Here {
    /// A copy.
    Affine(Arc<Evaluator>),
    /// A forest, where it lies.
    Forest(Arc<Forest<Parameters>>),
}

impl Here {
    #[inline]
    pub(super) fn evaluate(&self, x: &[f64]) -> Evaluation {
        match self {
            Here::Affine(evaluator) => evaluator.evaluate(x),
            Here::Forest(forest) => evaluate_forest(forest, x),
        }
    }
}

/// The words of an image behind its header.
#[derive(Debug)]
pub(super) struct Parameters(Frozen);

impl AsRef<[u64]> for Parameters {
    #[inline]
    fn as_ref(&self) -> &[u64] {
        self.0.as_ref().get(image_region::PARAMETERS..).unwrap_or_default()
    }
}

/// What came of an image: `None` for one of a kind or form that this build does not know.
type Outcome = Option<Here>;

/// What is on its way.
#[derive(Debug, Default)]
enum Way {
    /// Nothing.
    #[default]
    Free,
    /// The fingerprint that was asked for and has no reply yet, and the epoch that was asked: an
    /// engine that dies takes the question with it.
    Asked(u64, u64),
    /// The image with this fingerprint came, and is being checked.
    Checked(u64, Parameters, Check),
}

/// The images of one attachment.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// By fingerprint, the oldest first.
    outcomes: Vec<(u64, Outcome)>,
    way: Way,
}

impl Images {
    /// The version with this fingerprint, ready to evaluate; `None` when it is not here yet, and
    /// then the engine of `epoch` has been asked for it, or cannot be used.
    pub(super) fn version(
        &mut self,
        connection: &Connection,
        epoch: u64,
        fingerprint: u64,
    ) -> Option<Here> {
        self.step(connection, epoch);
        if let Some((_, outcome)) = self.outcomes.iter().find(|(known, _)| *known == fingerprint) {
            return outcome.clone();
        }
        if matches!(self.way, Way::Free) && connection.ask(Verb::Image, fingerprint).is_ok() {
            self.way = Way::Asked(fingerprint, epoch);
        }
        None
    }

    /// Whether an image has come and is being checked: the next step waits for nobody.
    pub(super) fn are_checked(&self) -> bool {
        matches!(self.way, Way::Checked(..))
    }

    /// Lets a version's image go: another one has its name.
    pub(super) fn forget(&mut self, fingerprint: u64) {
        self.outcomes.retain(|(known, _)| *known != fingerprint);
        if matches!(self.way, Way::Checked(known, ..) if known == fingerprint) {
            self.way = Way::Free;
        }
    }

    /// Takes the reply that is under way, if it is there, or goes on with its check.
    fn step(&mut self, connection: &Connection, epoch: u64) {
        match &mut self.way {
            Way::Free => {}
            &mut Way::Asked(fingerprint, asked_at) => match connection.take_file() {
                Ok(None) if asked_at == epoch => {}
                // It may be served again, and asked for again.
                Ok(None) | Err(_) => self.way = Way::Free,
                Ok(Some(file)) => self.open(fingerprint, &file),
            },
            Way::Checked(_, parameters, check) => {
                match check.step(parameters.as_ref(), NODES_A_STEP) {
                    Some(false) => {}
                    Some(true) => self.finish(),
                    None => self.refuse(),
                }
            }
        }
    }

    /// Maps an image that has come.
    fn open(&mut self, fingerprint: u64, file: &OwnedFd) {
        self.way = Way::Free;
        let Ok(image) = Frozen::open("image", file, REPLY_LEN_MAX) else {
            return self.keep(fingerprint, None);
        };
        match image::read(image.as_ref(), fingerprint) {
            None => self.keep(fingerprint, None),
            Some(Content::Affine(model)) => {
                let evaluator = Arc::new(Evaluator::new(&model));
                self.keep(fingerprint, Some(Here::Affine(evaluator)));
            }
            Some(Content::Forest(check)) => {
                self.way = Way::Checked(fingerprint, Parameters(image), check);
            }
        }
    }

    /// Keeps the forest that was checked to its end.
    fn finish(&mut self) {
        if let Way::Checked(fingerprint, parameters, check) = std::mem::take(&mut self.way) {
            let forest = check.forest(parameters);
            self.keep(fingerprint, forest.map(|forest| Here::Forest(Arc::new(forest))));
        }
    }

    /// Ends a check that found fault.
    fn refuse(&mut self) {
        if let Way::Checked(fingerprint, ..) = std::mem::take(&mut self.way) {
            self.keep(fingerprint, None);
        }
    }

    fn keep(&mut self, fingerprint: u64, outcome: Outcome) {
        if self.outcomes.len() == IMAGE_COUNT_MAX {
            self.outcomes.remove(0);
        }
        self.outcomes.push((fingerprint, outcome));
    }
}
