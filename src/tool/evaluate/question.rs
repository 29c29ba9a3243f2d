//! [`Question`]: what predictions are compared with, by the flags and by what the table says of the
//! models that made them.

use super::EvaluateArgs;
use crate::exit::Code;
use crate::tool::Failure;
use factord_factors::Stated;
use factord_quant::calendar::{Calendar, DAY, Sessions};
use factord_quant::score::{Made, Record};
use factord_quant::stated;
use factord_quant::target::Target;
use std::fmt::Display;

/// What is predicted where nothing says more; the vendor of the built-in models' data has another
/// name for it.
const OUTCOME: &str = "sell_rate";
const VENDORS: &str = "S_LI_INITIATIVESELLRATE";

/// What the predictions are compared with.
pub(super) struct Question {
    /// The outcome.
    pub(super) target: Target,
    /// How many windows later it is.
    pub(super) horizon: u32,
    /// Above this outcome the class is 1.
    pub(super) cut: Option<f64>,
    /// What makes windows belong together.
    pub(super) sessions: Sessions,
    /// By whose clock days are; `None` is UTC.
    pub(super) zone: Option<Calendar>,
    /// Where the data of the tables come from, if they say so: `simulated` or `partly simulated`.
    pub(super) data: Option<String>,
    /// The models that the table names for the columns that are evaluated.
    pub(super) models: Vec<Made>,
    /// What a reader of the figures has to know.
    pub(super) warnings: Vec<String>,
}

impl Question {
    /// Takes from the record what no flag says, and compares the rest.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the models differ and no flag chooses.
    pub(super) fn of(args: &EvaluateArgs) -> Result<Question, Failure> {
        let mut warnings = Vec::new();
        let record = Record::of(&args.predictions).unwrap_or_else(|reason| {
            warnings.push(format!("{reason}: it is ignored"));
            None
        });
        let evaluated = |made: &Made| {
            let columns = ["regression", "probability", "class"];
            made.columns.iter().any(|column| columns.contains(&column.as_str()))
        };
        let mut models = record.unwrap_or_default().models;
        models.retain(evaluated);
        if models.is_empty() {
            warnings.push(
                "nothing is recorded about the models: neither their horizon nor their cut is known"
                    .to_owned(),
            );
        }
        let target = target(args, &models, &mut warnings)?;
        let target = Target::of(&target)
            .map_err(|error| Failure::new(Code::Usage, format!("--target: {error}")))?;
        let horizon = horizon(args, &target, &models, &mut warnings)?;
        let cut = cut(args, &models, &mut warnings)?;
        let pause = pause(args, horizon, &models, &mut warnings)?;
        // Longer pauses than the whole of time make no difference.
        let pause_ns = pause.map(|seconds| (seconds * 1e9) as i64);
        let calendar = calendar(args, horizon, &mut warnings);
        let zone = match &args.tz {
            Some(tz) => Calendar::new(Some(DAY), Some(tz))
                .map_err(|error| Failure::new(Code::Usage, format!("--tz: {error}")))?,
            None => calendar.clone(),
        };
        let sessions = Sessions { calendar, pause_ns };
        let data = data(args);
        Ok(Question { target, horizon, cut, sessions, zone, data, models, warnings })
    }

    /// The outcome as artifacts name it: see [`Target::named`].
    pub(super) fn outcome(&self) -> String {
        self.target.named(self.horizon as usize)
    }

    /// The same for people: models, horizon and cut, then the warnings.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.models.iter().map(|made| format!("model {made}")).collect();
        let mut asked = format!("compared at horizon {}", self.horizon);
        if let Some(cut) = self.cut {
            asked.push_str(&format!(", cut {cut}"));
        }
        if let Some(zone) = &self.zone {
            asked.push_str(&format!(", days of {}", zone.zone()));
        }
        lines.push(asked);
        lines.extend(
            self.data
                .as_ref()
                .map(|data| format!("{data} data: what holds for them says nothing of a market")),
        );
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        lines
    }
}

/// When the market of the predictions traded, as their table states it.
fn calendar(args: &EvaluateArgs, horizon: u32, warnings: &mut Vec<String>) -> Option<Calendar> {
    let stated = stated::of(&args.predictions).unwrap_or_else(|reason| {
        // Nothing else depends on them.
        if horizon > 0 {
            warnings.push(format!("{reason}: its sessions are not known"));
        }
        Stated::default()
    });
    Calendar::of(&stated).unwrap_or_else(|error| {
        warnings.push(format!("the table's session: {error}"));
        None
    })
}

/// What the tables that are compared state of their data; predictions and outcomes are of the same
/// windows.
fn data(args: &EvaluateArgs) -> Option<String> {
    let tables = std::iter::once(&args.predictions).chain(&args.outcomes);
    // What cannot be used says nothing.
    let mut stated = tables.filter_map(|table| stated::of(table).ok());
    stated.find_map(|stated| stated.data().map(str::to_owned))
}

/// The one value that models agree on; `None` when none has one.
fn agreed<'a, T: PartialEq + Display>(
    models: &'a [Made],
    flag: &str,
    value: impl Fn(&'a Made) -> Option<T>,
) -> Result<Option<T>, Failure> {
    let mut first: Option<(&Made, T)> = None;
    for made in models {
        let Some(value) = value(made) else { continue };
        match &first {
            Some((other, known)) if *known != value => {
                let message = format!(
                    "{} has {known} and {} has {value}: choose with --{flag}",
                    other.name, made.name
                );
                return Err(Failure::new(Code::Usage, message));
            }
            Some(_) => {}
            None => first = Some((made, value)),
        }
    }
    Ok(first.map(|(_, value)| value))
}

fn target(
    args: &EvaluateArgs,
    models: &[Made],
    warnings: &mut Vec<String>,
) -> Result<String, Failure> {
    let predicted = |made: &Made| match made.outcome() {
        "" => None,
        VENDORS => Some(OUTCOME.to_owned()),
        outcome => Some(outcome.to_owned()),
    };
    let Some(target) = &args.target else {
        return Ok(agreed(models, "target", predicted)?.unwrap_or_else(|| OUTCOME.to_owned()));
    };
    let others = models.iter().filter(|made| {
        predicted(made).is_some_and(|outcome| outcome != *target && made.outcome() != target)
    });
    warnings.extend(
        others.map(|made| format!("{} predicts {}, not {target}", made.name, made.outcome())),
    );
    Ok(target.clone())
}

fn horizon(
    args: &EvaluateArgs,
    target: &Target,
    models: &[Made],
    warnings: &mut Vec<String>,
) -> Result<u32, Failure> {
    let trained = |made: &Made| made.horizon.and_then(|windows| u32::try_from(windows).ok());
    let own = target.horizon().and_then(|windows| u32::try_from(windows).ok());
    let horizon = match (args.horizon, own) {
        (Some(horizon), Some(own)) if horizon != own => {
            let target = target.named(0);
            let message =
                format!("{target} says over how many windows it is: leave --horizon {horizon} out");
            return Err(Failure::new(Code::Usage, message));
        }
        (Some(horizon), _) | (None, Some(horizon)) => horizon,
        (None, None) => agreed(models, "horizon", trained)?.unwrap_or(0),
    };
    let others = models.iter().filter_map(|made| Some((made, trained(made)?)));
    warnings.extend(others.filter(|(_, trained)| *trained != horizon).map(|(made, trained)| {
        format!("{} was trained for horizon {trained}, not {horizon}", made.name)
    }));
    if horizon == 0 {
        warnings.push(
            "the outcome is of the input's own window: these figures are not a forecast".to_owned(),
        );
    }
    Ok(horizon)
}

fn pause(
    args: &EvaluateArgs,
    horizon: u32,
    models: &[Made],
    warnings: &mut Vec<String>,
) -> Result<Option<f64>, Failure> {
    let trained = |made: &Made| made.pause_ns.map(|ns| ns as f64 / 1e9);
    let Some(pause) = args.pause else {
        // Nothing depends on it within one window.
        return if horizon == 0 { Ok(None) } else { agreed(models, "pause", trained) };
    };
    let others = models.iter().filter_map(|made| Some((made, trained(made)?)));
    warnings.extend(others.filter(|(_, trained)| *trained != pause).map(|(made, trained)| {
        format!("{} was trained with pauses of up to {trained} s, not {pause}", made.name)
    }));
    Ok(Some(pause))
}

fn cut(
    args: &EvaluateArgs,
    models: &[Made],
    warnings: &mut Vec<String>,
) -> Result<Option<f64>, Failure> {
    if args.class.is_some() {
        return Ok(None);
    }
    let Some(cut) = args.cut else { return agreed(models, "cut", |made| made.cut) };
    let others = models.iter().filter_map(|made| Some((made, made.cut?)));
    warnings.extend(others.filter(|(_, trained)| *trained != cut).map(|(made, trained)| {
        format!("the label of {} was cut at {trained}, not at {cut}", made.name)
    }));
    Ok(Some(cut))
}
