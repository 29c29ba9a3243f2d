//! Models by name, as a client sees them.

use super::{Client, ModelRow, PinError};
use crate::abi::request;
use crate::counters::fingerprint;

impl Client {
    /// The daemon's model table as it is now, with the client's own numbers as ids; empty when the
    /// daemon died in the middle of an update, until the next engine is there.
    ///
    /// A number is a handle: it belongs to a name for the client's life, and stays valid over
    /// reloads and restarts. `regression` is 0 and `classification` 1; the others follow in the
    /// order in which they are first seen.
    pub fn models(&self) -> Vec<ModelRow> {
        let Ok(table) = self.attachment.table() else { return Vec::new() };
        let mut names = self.names.borrow_mut();
        let numbered = |row: ModelRow| {
            let id = names.number(&row.name, None)?;
            Some(ModelRow { id, ..row })
        };
        table.rows.into_iter().filter_map(numbered).collect()
    }

    /// The client's number for a model by name; `None` when the engine does not serve it now, or
    /// when all 65,535 numbers are given. Costs one load and one comparison per name, and reads the
    /// table only when it has changed.
    #[inline]
    pub fn number(&self, name: &str) -> Option<u16> {
        let mut names = self.names.borrow_mut();
        let sequence = self.attachment.names_sequence();
        let observer = self.attachment.observer();
        let is_served = |meta: u64| meta & request::MODEL_MASK != request::MODEL_NONE;
        if let Some(number) = names.known(name) {
            let meta = names.meta(number, sequence);
            let meta = meta.unwrap_or_else(|| names.look_up(number, observer));
            return is_served(meta).then_some(number);
        }
        observer.find(name).ok()??;
        names.number(name, None)
    }

    /// A number for a name that only one artifact may answer: where another one serves the name,
    /// requests fail with [`PredictError::OtherVersion`](super::PredictError::OtherVersion).
    ///
    /// # Errors
    ///
    /// [`PinError`].
    pub fn pin(&self, name: &str, sha256: &[u8; 32]) -> Result<u16, PinError> {
        let row = self.attachment.observer().find(name).ok().flatten();
        if row.ok_or(PinError::NotServed)?.arm_count > 1 {
            return Err(PinError::Divided);
        }
        let pin = Some(fingerprint(sha256));
        self.names.borrow_mut().number(name, pin).ok_or(PinError::TooManyNames)
    }

    /// Changes with every change of the model table; costs one load.
    pub fn rows_sequence(&self) -> u64 {
        self.attachment.observer().rows_sequence()
    }

    /// The row of one model by name.
    pub fn model(&self, name: &str) -> Option<ModelRow> {
        self.models().into_iter().find(|row| row.name == name)
    }
}
