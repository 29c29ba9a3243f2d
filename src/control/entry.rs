//! One served name: its row in each worker, and what it shows to clients.

use super::outlets::Showing;
use super::ready::ReadyModel;
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
    pub(super) fingerprint: u64,
    /// A code of [`class`].
    pub(super) class: u64,
}

impl Entry {
    /// A version that serves a name.
    pub(super) fn new(generation: u32, model: Arc<ReadyModel>, class: u64) -> Entry {
        let (check, fingerprint) = (model.check, model.fingerprint);
        Entry { generation, model, check, fingerprint, class }
    }

    /// The row of a worker.
    pub(super) fn row(&self, is_heavy: bool) -> Row {
        let ReadyModel { check, fingerprint, evaluator, .. } = &*self.model;
        if is_heavy == (self.class == class::HEAVY) {
            Row::new(*check, self.generation, (*fingerprint, evaluator.clone()))
        } else {
            Row::of_other_class(*check, self.generation)
        }
    }

    /// What the name shows under its number.
    pub(super) fn showing(&self, number: u16, is_new: bool) -> Showing {
        let ReadyModel { loaded, check, fingerprint, cost_ns, .. } = &*self.model;
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
                arm_count: 1,
                class: self.class as u16,
                cost_ns: *cost_ns,
                sha256: loaded.sha256,
                arm_fingerprints: [0; abi::ARM_COUNT_MAX - 1],
                split: abi::UNDIVIDED,
            },
            deployment: Deployment {
                check: *check,
                generation: self.generation,
                split: abi::UNDIVIDED,
                salt: 0,
                fingerprints: [*fingerprint, 0, 0, 0],
                shape,
                champion: Some(model.clone()),
            },
            is_new,
        }
    }
}
