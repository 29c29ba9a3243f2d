//! A [`Skill`] as JSON: what is not defined is null, and `undefined` says why.

use super::blocks::Unit;
use super::days::{Day, Summary};
use super::undefined::{Figure, Undefined};
use super::{Decile, Interval, Order, Point, Skill};
use serde_json::{Map, Value, json};

/// All of it, and the reason of every null by the figure's name.
pub fn json(skill: &Skill) -> Map<String, Value> {
    let mut reasons = Map::new();
    let mut all = correlations(&skill.order(), &mut reasons);
    let deciles = skill.deciles.as_ref().map(|all| all.iter().map(decile).collect::<Value>());
    let days = skill.days.iter().map(|one| day(skill.unit, one));
    all.insert(format!("by_{}", skill.unit.name()), days.collect());
    all.insert("deciles".to_owned(), or_null("deciles", deciles, &mut reasons));
    if let Some(roc) = &skill.roc {
        let points = roc.as_ref().map(|points| points.iter().map(point).collect::<Value>());
        all.insert("roc".to_owned(), or_null("roc", points, &mut reasons));
    }
    all.insert("undefined".to_owned(), reasons.into());
    all
}

/// The correlations alone, likewise.
pub fn order(order: &Order) -> Map<String, Value> {
    let mut reasons = Map::new();
    let mut all = correlations(order, &mut reasons);
    all.insert("undefined".to_owned(), reasons.into());
    all
}

fn correlations(order: &Order, reasons: &mut Map<String, Value>) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("by".to_owned(), order.unit.name().into());
    all.insert("ic".to_owned(), summary("ic", &order.ic, reasons));
    all.insert("rank_ic".to_owned(), summary("rank_ic", &order.rank_ic, reasons));
    all
}

/// An interval as a pair, or null with its reason.
pub fn interval(
    name: &str,
    interval: Result<Interval, Undefined>,
    reasons: &mut Map<String, Value>,
) -> Value {
    or_null(name, interval.map(|(low, high)| json!([low, high])), reasons)
}

fn or_null<E: ToString>(
    name: &str,
    value: Result<Value, E>,
    reasons: &mut Map<String, Value>,
) -> Value {
    value.unwrap_or_else(|why| {
        reasons.insert(name.to_owned(), why.to_string().into());
        Value::Null
    })
}

fn figure(name: String, figure: Figure, reasons: &mut Map<String, Value>) -> Value {
    or_null(&name, figure.map(Value::from), reasons)
}

fn summary(name: &str, of: &Summary, reasons: &mut Map<String, Value>) -> Value {
    json!({
        "mean": figure(format!("{name}.mean"), of.mean, reasons),
        "std": figure(format!("{name}.std"), of.std, reasons),
        "t": figure(format!("{name}.t"), of.t, reasons),
        "count": of.day_count,
        "interval": interval(&format!("{name}.interval"), of.interval, reasons),
    })
}

fn day(unit: Unit, day: &Day) -> Value {
    let mut reasons = Map::new();
    let mut all = json!({
        "from": super::text::moment(unit, day.start_ns),
        "rows": day.row_count,
        "ic": figure("ic".to_owned(), day.ic, &mut reasons),
        "rank_ic": figure("rank_ic".to_owned(), day.rank_ic, &mut reasons),
    });
    if !reasons.is_empty() {
        all["undefined"] = reasons.into();
    }
    all
}

fn decile(decile: &Decile) -> Value {
    let mut all = json!({
        "decile": decile.number,
        "rows": decile.row_count,
        "predicted": decile.predicted,
        "outcome": decile.outcome,
    });
    if let Some(share) = decile.positive_share {
        all["positive_share"] = share.into();
    }
    all
}

fn point(point: &Point) -> Value {
    json!({
        "threshold": point.threshold,
        "false_positive_rate": point.false_positive_rate,
        "true_positive_rate": point.true_positive_rate,
    })
}
