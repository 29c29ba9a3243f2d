//! Reads fitted estimators and pipelines of them.

use crate::file::FeatureStats;
use crate::import::ImportError;
use crate::import::numpy::{self, Array};
use crate::import::pickle::{Class, Node, NodeId, Tree, shortened};
use factord_eval::{FEATURE_COUNT_MAX, Kind, Model};

/// The most steps of a pipeline that are looked at.
const STEP_COUNT_MAX: usize = 16;

/// What a pickle says about a fitted model.
pub(super) struct Fitted {
    pub(super) model: Model,
    /// The names of its steps, for people.
    pub(super) steps: String,
    /// The version of scikit-learn that fitted it.
    pub(super) version: Option<String>,
    /// The names it was fitted with.
    pub(super) feature_names: Option<Vec<String>>,
    /// What its scaler saw of the features; empty without one.
    pub(super) scaler_stats: Vec<FeatureStats>,
    /// Whether the scaler became part of the weights.
    pub(super) folded: bool,
}

/// The scaler of a pipeline.
struct Scaler {
    mean: Vec<f64>,
    scale: Vec<f64>,
    stats: Vec<FeatureStats>,
}

/// An estimator with the dictionary of its attributes.
#[derive(Clone, Copy)]
struct Estimator<'t, 'a> {
    tree: &'t Tree<'a>,
    class: Class,
    state: NodeId,
}

/// Reads an estimator, or a pipeline of a scaler and one.
pub(super) fn read(tree: &Tree<'_>, id: NodeId) -> Result<Fitted, ImportError> {
    let outer = Estimator::of(tree, id)?;
    let steps = if outer.class == Class::Pipeline { steps(outer)? } else { vec![outer] };
    let (scaler, last) = match steps.as_slice() {
        [last] => (None, *last),
        [scaler, last] if scaler.class == Class::StandardScaler => (Some(*scaler), *last),
        _ => {
            let found = step_names(&steps);
            let reason = format!(
                "a pipeline of {found}: factord serves one linear or logistic model, after at most \
                 one StandardScaler"
            );
            return Err(ImportError::Unsupported { reason });
        }
    };
    let scaler = scaler.map(|scaler| scaler.scaler()).transpose()?;
    let model = match last.class {
        Class::LogisticRegression | Class::LogisticRegressionCv => {
            last.logistic(scaler.as_ref())?
        }
        Class::LinearRegression
        | Class::Ridge
        | Class::Lasso
        | Class::ElasticNet
        | Class::RidgeCv
        | Class::LassoCv
        | Class::ElasticNetCv => last.linear(scaler.as_ref())?,
        other => {
            let reason = format!("{} is not a model that predicts", other.name());
            return Err(ImportError::Unsupported { reason });
        }
    };
    for step in &steps {
        step.check_width(model.width())?;
    }
    let version = last.get("_sklearn_version").and_then(|id| tree.text(id)).map(shortened);
    let mut feature_names = None;
    for step in &steps {
        if let (None, Some(names)) = (&feature_names, step.get("feature_names_in_")) {
            feature_names = Some(numpy::texts(tree, names, "feature_names_in_")?);
        }
    }
    let folded = scaler.is_some() && model.kind() == Kind::Linear;
    let scaler_stats = scaler.map(|scaler| scaler.stats).unwrap_or_default();
    Ok(Fitted { model, steps: step_names(&steps), version, feature_names, scaler_stats, folded })
}

fn step_names(steps: &[Estimator<'_, '_>]) -> String {
    let names: Vec<&str> = steps.iter().map(|step| step.class.name()).collect();
    if names.is_empty() { "no steps".to_owned() } else { names.join(" + ") }
}

/// The steps of a pipeline, without those that do nothing.
fn steps<'t, 'a>(pipeline: Estimator<'t, 'a>) -> Result<Vec<Estimator<'t, 'a>>, ImportError> {
    const EXPECTED: &str = "a list of (name, step)";
    let tree = pipeline.tree;
    let id = pipeline.require("steps")?;
    let items = match tree.items(id) {
        Some(items) if items.len() <= STEP_COUNT_MAX => items,
        _ => return Err(pipeline.unexpected("steps", EXPECTED, id)),
    };
    let mut steps = Vec::new();
    for &item in items {
        let Some(&[_, step]) = tree.items(item) else {
            return Err(pipeline.unexpected("steps", EXPECTED, item));
        };
        match tree.node(step) {
            Node::None | Node::Str("passthrough") => {}
            _ => steps.push(Estimator::of(tree, step)?),
        }
    }
    Ok(steps)
}

impl<'t, 'a> Estimator<'t, 'a> {
    fn of(tree: &'t Tree<'a>, id: NodeId) -> Result<Estimator<'t, 'a>, ImportError> {
        let Node::Object { class, state, .. } = *tree.node(id) else {
            let reason = format!("{} is not an estimator", tree.describe(id));
            return Err(ImportError::Unsupported { reason });
        };
        match state {
            Some(state) if matches!(tree.node(state), Node::Dict(_)) => {
                Ok(Estimator { tree, class, state })
            }
            _ => {
                let reason = format!("a {} without attributes", class.name());
                Err(ImportError::Unsupported { reason })
            }
        }
    }

    fn get(&self, field: &str) -> Option<NodeId> {
        self.tree.get(self.state, field)
    }

    fn require(&self, field: &'static str) -> Result<NodeId, ImportError> {
        let missing = || ImportError::Missing { object: self.class.name().to_owned(), field };
        self.get(field).ok_or_else(missing)
    }

    fn unexpected(&self, field: &str, expected: &'static str, id: NodeId) -> ImportError {
        ImportError::Unexpected {
            object: self.class.name().to_owned(),
            field: field.to_owned(),
            expected,
            found: self.tree.describe(id),
        }
    }

    fn array(&self, field: &'static str) -> Result<Array, ImportError> {
        numpy::array(self.tree, self.require(field)?, field)
    }

    fn flag(&self, field: &'static str) -> Result<bool, ImportError> {
        let id = self.require(field)?;
        match self.tree.node(id) {
            Node::Bool(value) => Ok(*value),
            _ => Err(self.unexpected(field, "a boolean", id)),
        }
    }

    /// The weights: `coef_` as a vector, or as a matrix of one row.
    fn weights(&self) -> Result<Vec<f64>, ImportError> {
        let Array { shape, values } = self.array("coef_")?;
        match shape.as_slice() {
            [_] | [1, _] => Ok(values),
            &[rows, _] => {
                let what = match self.class {
                    Class::LogisticRegression => "classes beyond two",
                    _ => "outputs",
                };
                let reason = format!(
                    "{} with {rows} rows of coefficients ({what}): factord serves models of one \
                     output",
                    self.class.name()
                );
                Err(ImportError::Unsupported { reason })
            }
            _ => Err(self.unexpected("coef_", "a vector or a matrix", self.require("coef_")?)),
        }
    }

    fn intercept(&self) -> Result<f64, ImportError> {
        match self.array("intercept_")?.values.as_slice() {
            [value] => Ok(*value),
            values => {
                let found = values.len();
                let reason = format!("{} with {found} intercepts, not one", self.class.name());
                Err(ImportError::Unsupported { reason })
            }
        }
    }

    /// A scaler before it is folded in: `w (x - mean) / scale + b` is another linear model of `x`.
    fn linear(&self, scaler: Option<&Scaler>) -> Result<Model, ImportError> {
        let (mut weights, mut intercept) = (self.weights()?, self.intercept()?);
        if let Some(Scaler { mean, scale, .. }) = scaler {
            self.check_scaler(scale.len(), weights.len())?;
            weights.iter_mut().zip(scale).for_each(|(weight, scale)| *weight /= scale);
            intercept -= weights.iter().zip(mean).map(|(weight, mean)| weight * mean).sum::<f64>();
        }
        let model = Model::linear(weights, intercept);
        Ok(model.map_err(crate::file::ArtifactError::from)?)
    }

    fn logistic(&self, scaler: Option<&Scaler>) -> Result<Model, ImportError> {
        let refuse = |reason| Err(ImportError::Unsupported { reason });
        let classes = self.array("classes_")?;
        if classes.shape != [2] || classes.values != [0.0, 1.0] {
            let shown: Vec<String> = classes.values.iter().take(8).map(f64::to_string).collect();
            let shown = shown.join(", ");
            return refuse(format!(
                "LogisticRegression with {} classes ({shown}): factord serves the two classes 0 \
                 and 1",
                classes.values.len()
            ));
        }
        // NB: for two classes "multinomial" takes the softmax of both decision values, which is
        // another probability; everything else is the sigmoid.
        if self.get("multi_class").and_then(|id| self.tree.text(id)) == Some("multinomial") {
            return refuse(
                "LogisticRegression with multi_class=\"multinomial\": fit it without".to_owned(),
            );
        }
        let weights = self.weights()?;
        let (mean, scale) = match scaler {
            Some(scaler) => (scaler.mean.clone(), scaler.scale.clone()),
            None => (vec![0.0; weights.len()], vec![1.0; weights.len()]),
        };
        let model = Model::logistic(weights, self.intercept()?, mean, scale);
        Ok(model.map_err(crate::file::ArtifactError::from)?)
    }

    fn scaler(&self) -> Result<Scaler, ImportError> {
        let width = self.width()?;
        let vector = |field: &'static str| {
            let Array { shape, values } = self.array(field)?;
            if shape == [width] {
                return Ok(values);
            }
            let reason = format!("`{field}` of StandardScaler does not have {width} values");
            Err(ImportError::Contradiction { reason })
        };
        let with_mean = self.flag("with_mean")?;
        let with_std = self.flag("with_std")?;
        let mean = if with_mean { vector("mean_")? } else { vec![0.0; width] };
        let scale = if with_std { vector("scale_")? } else { vec![1.0; width] };
        let stats = if with_mean && with_std {
            let pairs = mean.iter().zip(&scale);
            pairs.map(|(&mean, &std)| FeatureStats { mean, std, min: None, max: None }).collect()
        } else {
            Vec::new()
        };
        Ok(Scaler { mean, scale, stats })
    }

    /// Compares the widths of a scaler and its model.
    fn check_scaler(&self, scaled: usize, weights: usize) -> Result<(), ImportError> {
        if scaled == weights {
            return Ok(());
        }
        let name = self.class.name();
        let reason = format!("the scaler has {scaled} features, {name} {weights} coefficients");
        Err(ImportError::Contradiction { reason })
    }

    /// The number of features, as the estimator states it.
    fn width(&self) -> Result<usize, ImportError> {
        let id = self.require("n_features_in_")?;
        match *self.tree.node(id) {
            Node::Int(width) if (1..=FEATURE_COUNT_MAX as i64).contains(&width) => {
                Ok(width as usize)
            }
            _ => Err(self.unexpected("n_features_in_", "an integer from 1 to 1024", id)),
        }
    }

    /// Compares the stated number of features with the weights, where it is stated: scikit-learn
    /// does since 0.24.
    fn check_width(&self, weight_count: usize) -> Result<(), ImportError> {
        if self.get("n_features_in_").is_none() || self.width()? == weight_count {
            return Ok(());
        }
        let reason = format!(
            "`n_features_in_` of {} differs from the {weight_count} coefficients",
            self.class.name()
        );
        Err(ImportError::Contradiction { reason })
    }
}
