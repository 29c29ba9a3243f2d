//! [`Models`]: some models over the columns of a table, eight rows at a time.

use super::columns::known_as;
use super::record::Made;
use crate::table::push_float;
use arrow_array::{ArrayRef, Float64Array, Int32Array};
use arrow_schema::{DataType, Field};
use factord_eval::evaluator::{Evaluation, Evaluator};
use factord_eval::simd::{VECTOR_LEN, Vector};
use factord_eval::status;
use factord_eval::vectors::Level;
use factord_factors::{SettingsMismatch, Stated};
use factord_models::file::Artifact;
use std::sync::Arc;

/// Models that score a table together.
pub struct Models {
    members: Vec<Member>,
    features: Vec<String>,
    outputs: Vec<String>,
    made: Vec<Made>,
    /// The name of each, and the settings that it was trained on.
    settings: Vec<(String, Stated)>,
    level: Level,
}

struct Member {
    evaluator: Evaluator,
    is_classifier: bool,
    /// Which of the features it takes, in its order.
    inputs: Vec<usize>,
}

/// The outputs of some rows, in columns.
pub(super) struct Scores {
    pub(super) columns: Vec<Column>,
    /// Rows without a prediction, ascending.
    pub(super) bad: Vec<usize>,
}

/// One output.
pub(super) enum Column {
    Value(Vec<f64>),
    Class(Vec<i32>),
}

/// What a model writes, without its name.
pub fn outputs(artifact: &Artifact) -> &'static [&'static str] {
    if artifact.model().is_classifier() { &["probability", "class"] } else { &["regression"] }
}

impl Models {
    /// Puts models together. The outputs are `probability` and `class` for a classifier, and
    /// `regression` for any other; where several write the same, the name of each is put in front.
    pub fn new<'a>(artifacts: impl IntoIterator<Item = &'a Artifact>) -> Models {
        let artifacts: Vec<&Artifact> = artifacts.into_iter().collect();
        let alike = |is_classifier| {
            artifacts.iter().filter(|it| it.model().is_classifier() == is_classifier).count()
        };
        let mut models = Models {
            members: Vec::new(),
            features: Vec::new(),
            outputs: Vec::new(),
            made: Vec::new(),
            settings: Vec::new(),
            level: Level::best(),
        };
        for artifact in &artifacts {
            let inputs = artifact.details().feature_names.iter();
            let inputs = inputs.map(|name| models.feature(name)).collect();
            let evaluator = Evaluator::new(artifact.model());
            let is_classifier = artifact.model().is_classifier();
            models.members.push(Member { evaluator, is_classifier, inputs });
            let column = |name: &&str| match alike(is_classifier) {
                1 => (*name).to_owned(),
                _ => format!("{}_{name}", artifact.name()),
            };
            let columns: Vec<String> = outputs(artifact).iter().map(column).collect();
            models.outputs.extend_from_slice(&columns);
            models.made.push(Made::by(artifact, columns));
            models.settings.push((artifact.name().to_owned(), artifact.settings().clone()));
        }
        models
    }

    /// The place of a feature, by any of its names.
    fn feature(&mut self, name: &str) -> usize {
        let same = |known: &String| known_as(known).contains(&name);
        self.features.iter().position(same).unwrap_or_else(|| {
            self.features.push(name.to_owned());
            self.features.len() - 1
        })
    }

    /// The features of all of them.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// The names of the columns they write.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Their names, for messages.
    pub fn names(&self) -> String {
        // 8: a line of a terminal.
        const SHOWN_MAX: usize = 8;
        let names: Vec<&str> = self.settings.iter().map(|(name, _)| name.as_str()).collect();
        match names.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            Some(more) => format!("{} and {more} more", names[..SHOWN_MAX].join(", ")),
            None => names.join(", "),
        }
    }

    /// What is recorded of them, in their order.
    pub fn made(&self) -> &[Made] {
        &self.made
    }

    /// Compares the settings that they were trained on with those of a table.
    ///
    /// # Errors
    ///
    /// The first model for which they differ, by its name.
    pub fn require(&self, table: &Stated) -> Result<(), (String, SettingsMismatch)> {
        let differs = |(name, settings): &(String, Stated)| {
            settings.require(table).map_err(|mismatch| (name.clone(), mismatch))
        };
        self.settings.iter().try_for_each(differs)
    }

    /// The columns they write, as arrow describes them.
    pub(super) fn fields(&self, nullable: bool) -> Vec<Field> {
        let mut names = self.outputs.iter();
        let mut fields = Vec::with_capacity(self.outputs.len());
        let mut add =
            |kind| fields.extend(names.next().map(|name| Field::new(name, kind, nullable)));
        for member in &self.members {
            add(DataType::Float64);
            if member.is_classifier {
                add(DataType::Int32);
            }
        }
        fields
    }

    /// Scores rows: `x[i]` is feature `i` of each, `count` values long. What is not finite gives no
    /// prediction.
    pub(super) fn score(&self, x: &[&[f64]], count: usize) -> Scores {
        let mut columns = Vec::with_capacity(self.outputs.len());
        let mut bad = Vec::new();
        for member in &self.members {
            let mut values = Vec::with_capacity(count);
            let mut classes = Vec::with_capacity(if member.is_classifier { count } else { 0 });
            member.evaluate(self.level, x, count, |evaluation| {
                if evaluation.status != status::OK {
                    bad.push(values.len());
                }
                values.push(f64::from_bits(evaluation.y));
                if member.is_classifier {
                    classes.push(i32::from(f64::from_bits(evaluation.second) > 0.0));
                }
            });
            columns.push(Column::Value(values));
            if member.is_classifier {
                columns.push(Column::Class(classes));
            }
        }
        bad.sort_unstable();
        bad.dedup();
        Scores { columns, bad }
    }
}

impl Member {
    /// Evaluates every row, in order; eight at a time where there are three features.
    fn evaluate(&self, level: Level, x: &[&[f64]], count: usize, mut take: impl FnMut(Evaluation)) {
        let mut row = 0;
        if let [a, b, c] = *self.inputs {
            let x = [x[a], x[b], x[c]].map(|column| column.as_chunks::<VECTOR_LEN>().0);
            for ((a, b), c) in x[0].iter().zip(x[1]).zip(x[2]) {
                let x: [Vector; 3] = [*a, *b, *c];
                self.evaluator.evaluate_vector(level, &x).into_iter().for_each(&mut take);
            }
            row = count - count % VECTOR_LEN;
        }
        let columns: Vec<&[f64]> = self.inputs.iter().map(|&input| x[input]).collect();
        let mut features = Vec::with_capacity(columns.len());
        for row in row..count {
            features.clear();
            features.extend(columns.iter().map(|column| column[row]));
            take(self.evaluator.evaluate(&features));
        }
    }
}

impl Scores {
    /// The outputs as arrow holds them; null in the bad rows.
    pub(super) fn arrays(self, count: usize) -> Vec<ArrayRef> {
        let mut valid = vec![true; if self.bad.is_empty() { 0 } else { count }];
        self.bad.iter().for_each(|&row| valid[row] = false);
        let valid = &valid;
        let array = |column| -> ArrayRef {
            match column {
                Column::Value(values) if valid.is_empty() => Arc::new(Float64Array::from(values)),
                Column::Class(classes) if valid.is_empty() => Arc::new(Int32Array::from(classes)),
                Column::Value(values) => {
                    let values = values.into_iter().zip(valid).map(|(x, &ok)| ok.then_some(x));
                    Arc::new(values.collect::<Float64Array>())
                }
                Column::Class(classes) => {
                    let classes = classes.into_iter().zip(valid).map(|(x, &ok)| ok.then_some(x));
                    Arc::new(classes.collect::<Int32Array>())
                }
            }
        };
        self.columns.into_iter().map(array).collect()
    }

    /// The outputs of a row as text.
    pub(super) fn texts(&self, row: usize) -> Vec<Vec<u8>> {
        let text = |column: &Column| {
            let mut text = Vec::new();
            column.push(row, &mut text);
            text
        };
        self.columns.iter().map(text).collect()
    }
}

impl Column {
    /// Appends the output of a row as text: the shortest decimal that reads back as the same bits.
    #[inline]
    pub(super) fn push(&self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Column::Value(values) => push_float(bytes, values[row]),
            Column::Class(classes) => bytes.push(if classes[row] == 0 { b'0' } else { b'1' }),
        }
    }
}
