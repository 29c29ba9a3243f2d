//! A model's row in the table of the running daemon.

use super::Failure;
use crate::exit::Code;
use factord_core::client::Client;
use factord_core::counters::ModelRow;
use factord_eval::Kind;

/// The daemon's row of a model, or a message that lists the models it serves.
pub(super) fn served(client: &Client, name: &str) -> Result<ModelRow, Failure> {
    client.model(name).ok_or_else(|| {
        let names: Vec<String> = client.models().into_iter().map(|row| row.name).collect();
        let message = format!("the daemon serves no model `{name}`: it has {}", names.join(", "));
        Failure::new(Code::Usage, message)
    })
}

/// Whether the answers are a probability and a class; `None` for a kind that is not known.
pub(super) fn is_classifier(row: &ModelRow) -> Option<bool> {
    Some(match row.kind.known()? {
        Kind::Linear => false,
        Kind::Logistic => true,
        Kind::Forest => row.output_count == 2,
    })
}
