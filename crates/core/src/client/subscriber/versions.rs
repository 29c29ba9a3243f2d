//! Which names and artifacts the numbers of a tap stand for.

use crate::abi::{ARM_COUNT_MAX, status};
use crate::counters::{ModelRow, Observer};
use crate::tap::{Record, VersionCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Deployments of a number that are remembered.
// 8: a reader that is further behind than so many swaps has been overtaken as well, mostly.
const DEPLOYMENT_COUNT_MAX: usize = 8;

/// What served a number under one generation.
#[derive(Clone, Debug)]
struct Deployment {
    generation: u32,
    check: u32,
    fingerprints: [u64; ARM_COUNT_MAX],
    /// `None` until it is known.
    name: Option<Arc<str>>,
}

/// What was heard of.
#[derive(Debug)]
pub(super) struct Versions {
    by_number: HashMap<u16, VecDeque<Deployment>>,
    /// What the last answer came from.
    current: Option<Deployment>,
    current_number: u16,
    arm: usize,
    answered: bool,
}

impl Versions {
    /// Knows what serves now.
    pub(super) fn new(status: &Observer) -> Versions {
        let mut versions = Versions {
            by_number: HashMap::new(),
            current: None,
            current_number: 0,
            arm: 0,
            answered: false,
        };
        // A table that cannot be read is read row by row when it is needed.
        for row in status.models().unwrap_or_default() {
            versions.insert(row.id, of_row(&row));
        }
        versions
    }

    fn insert(&mut self, number: u16, deployment: Deployment) {
        let known = self.by_number.entry(number).or_default();
        known.retain(|known| known.generation != deployment.generation);
        if known.len() == DEPLOYMENT_COUNT_MAX {
            known.pop_front();
        }
        known.push_back(deployment);
    }

    /// Hears of another version.
    pub(super) fn add(&mut self, cell: &VersionCell) {
        let &VersionCell { number, generation, check, fingerprints } = cell;
        let same = |known: &&Deployment| known.check == check && known.name.is_some();
        let known = self.by_number.get(&number);
        let name = known.and_then(|known| known.iter().rev().find(same)?.name.clone());
        if self.current_number == number {
            self.current = None;
        }
        self.insert(number, Deployment { generation, check, fingerprints, name });
    }

    /// Makes what an answer came from the current one.
    pub(super) fn look_up(&mut self, record: &Record, status: &Observer) {
        self.arm = usize::from(record.arm);
        self.answered = !matches!(record.status, status::UNKNOWN_MODEL | status::WRONG_CLASS);
        let (number, generation) = (record.number, record.generation);
        if self.current_number == number
            && let Some(current) = &self.current
            && current.generation == generation
            && current.name.is_some()
        {
            return;
        }
        self.current_number = number;
        self.current = None;
        if generation == 0 {
            return;
        }
        let known = self.by_number.entry(number).or_default();
        let place = known.iter().position(|known| known.generation == generation);
        if place.is_none_or(|place| known[place].name.is_none()) {
            // It is shown in STATUS by now, as no client asks for a name that is not.
            let shown = status.row_now(number).ok().flatten();
            match (place, shown) {
                (Some(place), Some(row)) if row.check == known[place].check => {
                    known[place].name = Some(row.name.into());
                }
                (None, Some(row)) if row.generation == generation => {
                    let deployment = of_row(&row);
                    self.current = Some(deployment.clone());
                    return self.insert(number, deployment);
                }
                _ => {}
            }
        }
        self.current = place.and_then(|place| known.get(place)).cloned();
    }

    /// The name that the last answer is for.
    pub(super) fn name(&self) -> Option<&str> {
        self.current.as_ref()?.name.as_deref()
    }

    /// The fingerprint of the artifact that gave it; 0 where none did, or it is not known.
    pub(super) fn fingerprint(&self) -> u64 {
        let current = self.current.as_ref().filter(|_| self.answered);
        current.and_then(|current| current.fingerprints.get(self.arm)).copied().unwrap_or(0)
    }
}

fn of_row(row: &ModelRow) -> Deployment {
    let [second, third, fourth] = row.arm_fingerprints;
    let fingerprints = [row.fingerprint(), second, third, fourth];
    let name = Some(row.name.as_str().into());
    Deployment { generation: row.generation, check: row.check, fingerprints, name }
}
