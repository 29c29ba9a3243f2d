//! Format 2: sections, each of which says one thing, so that a later version can say more.
//!
//! | tag | required | contents |
//! |---|---|---|
//! | `ARIT` | yes | whose arithmetic the model has, and its kind |
//! | `COST` | no | operations of one evaluation |
//! | `GOLD` | yes | golden vectors |
//! | `INFO` | yes | details |
//! | `LINE` | no | lineage: parent and tables |
//! | `SETT` | no | settings of the factors |
//! | `TREE` | yes, of a forest | its trees |
//! | `TRNG` | no | training: target, horizon, session, rows, edges of drift |
//! | `WGHT` | yes, of any other | parameters of a linear or logistic model |
//!
//! Each is one value in bincode's standard configuration, canonical.

use super::super::facts::{self, FACTORD, LIGHTGBM, operations};
use super::super::limits::{LINEAGE_LEN_MAX, SECTION_LEN_MAX, SETTINGS_LEN_MAX, TREES_LEN_MAX};
use super::super::{Artifact, ArtifactError, Details, Facts, Lineage, Tag, Training};
use super::sections::{self, Part};
use super::trees::{self, Trees};
use factord_eval::{Kind, Model};
use factord_factors::Stated;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const ARITHMETIC: Tag = Tag::known(*b"ARIT");
const COST: Tag = Tag::known(*b"COST");
const GOLDEN: Tag = Tag::known(*b"GOLD");
const INFO: Tag = Tag::known(*b"INFO");
const LINEAGE: Tag = Tag::known(*b"LINE");
const SETTINGS: Tag = Tag::known(*b"SETT");
const TREES: Tag = Tag::known(*b"TREE");
const TRAINING: Tag = Tag::known(*b"TRNG");
const WEIGHTS: Tag = Tag::known(*b"WGHT");

/// All of them, and which a reader must know.
const KNOWN: [Tag; 9] =
    [ARITHMETIC, COST, GOLDEN, INFO, LINEAGE, SETTINGS, TREES, TRAINING, WEIGHTS];
const REQUIRED: [Tag; 5] = [ARITHMETIC, GOLDEN, INFO, TREES, WEIGHTS];

/// Whose arithmetic; both names are texts, so that a reader can refuse by name what it lacks.
#[derive(Serialize, Deserialize)]
struct Arithmetic {
    family: String,
    kind: String,
}

#[derive(Serialize, Deserialize)]
struct Weights {
    intercept: f64,
    weights: Vec<f64>,
    mean: Vec<f64>,
    scale: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct Vectors {
    inputs: Vec<f64>,
    outputs: Vec<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct Cost {
    operations: u64,
}

/// The settings as pairs, by name.
type Pairs = Vec<(String, String)>;

/// The known sections of an artifact that it has.
fn known(artifact: &Artifact, facts: &Facts) -> Vec<(Tag, Vec<u8>)> {
    let model = &artifact.model;
    let (inputs, outputs) = super::vectors(&artifact.golden);
    let arithmetic = Arithmetic {
        family: facts::family(model).to_owned(),
        kind: model.kind().name().to_owned(),
    };
    let parameters = match model {
        Model::Affine(affine) => {
            let weights = Weights {
                intercept: affine.intercept(),
                weights: affine.weights().to_vec(),
                mean: affine.mean().to_vec(),
                scale: affine.scale().to_vec(),
            };
            (WEIGHTS, super::to_bytes(&weights))
        }
        Model::Forest(forest) => (TREES, super::to_bytes(&Trees::of(forest))),
    };
    let mut sections = vec![
        (ARITHMETIC, super::to_bytes(&arithmetic)),
        (COST, super::to_bytes(&Cost { operations: operations(model) })),
        (GOLDEN, super::to_bytes(&Vectors { inputs, outputs })),
        (INFO, super::to_bytes(&artifact.details)),
        parameters,
    ];
    if !facts.settings.is_empty() {
        let pair = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        let pairs: Pairs = facts.settings.iter().map(pair).collect();
        sections.push((SETTINGS, super::to_bytes(&pairs)));
    }
    sections.extend(facts.training.as_ref().map(|training| (TRAINING, super::to_bytes(training))));
    sections.extend(facts.lineage.as_ref().map(|lineage| (LINEAGE, super::to_bytes(lineage))));
    sections
}

pub(super) fn payload(artifact: &Artifact, facts: &Facts) -> Vec<u8> {
    let known = known(artifact, facts);
    let known = known.iter().map(|(tag, bytes)| (*tag, REQUIRED.contains(tag), bytes.as_slice()));
    let others = facts.others.iter().map(|other| (other.tag, false, &other.bytes[..]));
    sections::join(known.chain(others).collect())
}

/// Sees to it that a reader takes all sections: the known ones by their length, the others by
/// their tags.
pub(super) fn check_sections(artifact: &Artifact, facts: &Facts) -> Result<(), ArtifactError> {
    if let Some(other) = facts.others.iter().find(|other| KNOWN.contains(&other.tag)) {
        return Err(ArtifactError::KnownSection { tag: other.tag });
    }
    sections::split(&payload(artifact, facts))?;
    known(artifact, facts).iter().try_for_each(|(tag, bytes)| check_length(*tag, bytes))
}

fn check_length(tag: Tag, bytes: &[u8]) -> Result<(), ArtifactError> {
    let limit = match tag {
        LINEAGE => LINEAGE_LEN_MAX,
        SETTINGS => SETTINGS_LEN_MAX,
        TREES => TREES_LEN_MAX,
        _ => SECTION_LEN_MAX,
    };
    let found = bytes.len();
    if found > limit { Err(ArtifactError::SectionLength { tag, found, limit }) } else { Ok(()) }
}

/// What a section holds, where it is there.
fn optional<T: DeserializeOwned, const LIMIT: usize>(
    parts: &[Part<'_>],
    tag: Tag,
) -> Result<Option<T>, ArtifactError> {
    let Some(part) = parts.iter().find(|part| part.tag == tag) else { return Ok(None) };
    check_length(tag, part.bytes)?;
    super::from_bytes::<T, LIMIT>(part.bytes).map(Some)
}

fn required<T: DeserializeOwned>(parts: &[Part<'_>], tag: Tag) -> Result<T, ArtifactError> {
    let found = optional::<T, SECTION_LEN_MAX>(parts, tag)?;
    found.ok_or(ArtifactError::MissingSection { tag })
}

pub(super) fn decode(payload: &[u8]) -> Result<Artifact, ArtifactError> {
    let parts = sections::split(payload)?;
    // First of all, so that what an older reader lacks is what it names.
    let others = sections::others(&parts, &KNOWN)?;
    let model = model(&parts)?;
    let details: Details = required(&parts, INFO)?;
    let vectors: Vectors = required(&parts, GOLDEN)?;
    let golden = super::golden(&vectors.inputs, &vectors.outputs, model.width())?;
    if let Some(Cost { operations: found }) = optional::<_, SECTION_LEN_MAX>(&parts, COST)? {
        let expected = operations(&model);
        if found != expected {
            return Err(ArtifactError::Cost { found, expected });
        }
    }
    let mut settings = Stated::default();
    for (name, text) in optional::<Pairs, SETTINGS_LEN_MAX>(&parts, SETTINGS)?.unwrap_or_default() {
        settings.put(&name, &text)?;
    }
    let facts = Facts {
        settings,
        training: optional::<Training, SECTION_LEN_MAX>(&parts, TRAINING)?,
        lineage: optional::<Lineage, LINEAGE_LEN_MAX>(&parts, LINEAGE)?,
        others,
    };
    let artifact = Artifact::checked(model, details, golden, Some(facts))?;
    canonical(&artifact, &parts)?;
    Ok(artifact)
}

/// The model, by its arithmetic.
fn model(parts: &[Part<'_>]) -> Result<Model, ArtifactError> {
    let Arithmetic { family, kind } = required(parts, ARITHMETIC)?;
    if ![FACTORD, LIGHTGBM].contains(&family.as_str()) {
        return Err(ArtifactError::Family { family });
    }
    let known = [Kind::Linear, Kind::Logistic, Kind::Forest];
    let known = known.into_iter().find(|known| known.name() == kind);
    let model = match known.ok_or(ArtifactError::KindName { kind })? {
        Kind::Forest => {
            let trees = optional::<Trees, TREES_LEN_MAX>(parts, TREES)?;
            trees::forest(trees.ok_or(ArtifactError::MissingSection { tag: TREES })?)?
        }
        affine => {
            let Weights { intercept, weights, mean, scale } = required(parts, WEIGHTS)?;
            super::model(affine, intercept, weights, (mean, scale))?
        }
    };
    if family != facts::family(&model) {
        let kind = model.kind().name();
        return Err(ArtifactError::FamilyKind { family, kind });
    }
    Ok(model)
}

/// One model must not have two hashes: what is known stands there as it would be written. The
/// others are kept as they stand, and the table of sections has one form.
fn canonical(artifact: &Artifact, parts: &[Part<'_>]) -> Result<(), ArtifactError> {
    let Some(facts) = &artifact.facts else { return Ok(()) };
    let mut written = known(artifact, facts);
    written.sort_unstable_by_key(|section| section.0);
    let found = parts.iter().filter(|part| KNOWN.contains(&part.tag));
    let found = found.map(|part| (part.tag, part.required, part.bytes));
    let wanted =
        written.iter().map(|(tag, bytes)| (*tag, REQUIRED.contains(tag), bytes.as_slice()));
    if found.eq(wanted) { Ok(()) } else { Err(ArtifactError::NotCanonical) }
}

#[cfg(test)]
#[path = "second_tests.rs"]
mod tests;
