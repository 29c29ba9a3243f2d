//! One served name: its row in each worker, and what it shows to clients.

use super::outlets::Showing;
use super::ready::{ReadyModel, ReadySplit};
use factord_core::abi::{self, class};
use factord_core::counters::ModelRow;
use factord_core::model::image;
use factord_core::model::shared::Deployment;
use factord_core::worker::Row;
use std::sync::Arc;

/// What is served under one name.
#[derive(Debug)]
pub(super) struct Entry {
    /// Of the name.
    pub(super) generation: u32,
    /// The version.
    pub(super) model: Arc<ReadyModel>,
    /// The model's, which so are compared with thousands of others without a look at each model.
    pub(super) check: u32,
    pub(super) fingerprints: [u64; abi::ARM_COUNT_MAX],
    /// A code of [`class`].
    pub(super) class: u64,
}

impl Entry {
    /// A version that serves a name.
    pub(super) fn new(generation: u32, model: Arc<ReadyModel>, class: u64) -> Entry {
        let (check, fingerprints) = (model.check, model.fingerprints());
        Entry { generation, model, check, fingerprints, class }
    }

    /// The row of a worker.
    pub(super) fn row(&self, is_heavy: bool) -> Row {
        let ReadyModel { check, fingerprint, evaluator, split, .. } = &*self.model;
        if is_heavy != (self.class == class::HEAVY) {
            return Row::of_other_class(*check, self.generation);
        }
        let row = Row::new(*check, self.generation, (*fingerprint, evaluator.clone()));
        match split {
            Some(ReadySplit { split, salt, arms }) => {
                let arms = arms.iter().map(|arm| (arm.fingerprint, arm.evaluator.clone()));
                row.divided(*split, *salt, arms)
            }
            None => row,
        }
    }

    /// What the name shows under its number.
    pub(super) fn showing(&self, number: u16, is_new: bool) -> Showing {
        let ReadyModel { loaded, check, .. } = &*self.model;
        let (split, salt) = self.model.division();
        let [_, arm_fingerprints @ ..] = self.fingerprints;
        let model = loaded.artifact.model();
        let shape = image::shape(model);
        Showing {
            row: ModelRow {
                id: number,
                check: *check,
                name: self.model.name().to_owned(),
                kind: model.kind().into(),
                width: model.width(),
                output_count: abi::bits(shape, 48, 16) as usize,
                generation: self.generation,
                arm_count: 1 + self.model.arms().len() as u16,
                class: self.class as u16,
                cost_ns: self.model.dearest_ns(),
                sha256: loaded.sha256,
                arm_fingerprints,
                split,
            },
            deployment: Deployment {
                check: *check,
                generation: self.generation,
                split,
                salt,
                fingerprints: self.fingerprints,
                shape,
                champion: Some(model.clone()),
            },
            is_new,
        }
    }
}
