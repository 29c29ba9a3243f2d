//! What `serve` starts beside the engine to read its taps: a recorder, a pilot.

use super::{ConfigError, Effective, ModelSource, Origin, Settings, Sources, source};
use factord_models::store;
use serde_json::json;
use std::path::PathBuf;

const TAP: &str = "the tap: add --tap, or tap = 65536";
const STORE: &str = "a store of models: --models STORE";
const LOCAL: &str = "a word on answers that no tap sees: --audit-local refuse, or allow to have \
                     them counted as clients claim";

/// Which of them.
pub(super) struct Companions {
    pub(super) record: Option<PathBuf>,
    pub(super) pilot: bool,
}

impl Companions {
    /// Takes both from the first source that names them; what they need has to be there.
    pub(super) fn resolve(
        flags: &Settings,
        sources: &Sources<'_>,
        models: &ModelSource,
        said: &[Effective],
    ) -> Result<(Companions, Vec<Effective>), ConfigError> {
        let file = sources.file();
        let (record, record_origin) =
            sources.find(&source::RECORD, flags.record.clone(), file.record.clone())?;
        let (pilot, pilot_origin) = sources.find(&source::PILOT, flags.pilot, file.pilot)?;
        let pilot = pilot.unwrap_or(false);
        let is = |key: &str, is: &dyn Fn(&Effective) -> bool| {
            said.iter().any(|setting| setting.key == key && is(setting))
        };
        let needs = |key, origin: &Origin, what| {
            Err(ConfigError::Needs { key, origin: origin.clone(), what })
        };
        let no_tap = is("tap", &|tap| tap.value == 0);
        if record.is_some() && no_tap {
            return needs("record", &record_origin, TAP);
        }
        if record.is_some() && is("audit_local", &|local| local.origin == Origin::Default) {
            return needs("record", &record_origin, LOCAL);
        }
        if pilot && no_tap {
            return needs("pilot", &pilot_origin, TAP);
        }
        let is_store = matches!(models, ModelSource::Dir(path) if store::is_store(path));
        if pilot && !is_store {
            return needs("pilot", &pilot_origin, STORE);
        }
        let shown = record.as_deref().map(super::shown);
        let seen = vec![
            Effective { key: "record", value: json!(shown), origin: record_origin },
            Effective { key: "pilot", value: json!(pilot), origin: pilot_origin },
        ];
        Ok((Companions { record, pilot }, seen))
    }
}
