//! Factors and models: the settings of one are compared with those of the other.

use factord_client::factors::{Settings, Stated, Window};
use factord_models::file::Artifact;
use std::path::Path;

#[test]
fn factors_of_other_windows_than_a_model_s_are_refused_by_name() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let golden = Artifact::load(&project.join("tests/models/golden_2.fmodel")).unwrap();
    let refused = Settings::default().require(golden.settings()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "window: the model was trained on 300s, these factors have 60s: make them with the \
         model's, or train anew"
    );
    let window = Window::time(300_000_000_000).rolling(60e9);
    let same = Settings { window, ..Settings::default() };
    assert_eq!(same.require(golden.settings()), Ok(()));
    // A model of format 1 states nothing, and that is no mismatch.
    let first = Artifact::load(&project.join("models/regression.fmodel")).unwrap();
    assert_eq!(first.settings(), &Stated::default());
    assert_eq!(Settings::default().require(first.settings()), Ok(()));
}
