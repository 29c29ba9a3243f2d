//! An imported model against its library's own answers, row by row.

use crate::exit::Code;
use crate::tool::Failure;
use csv::ByteRecord;
use factord_eval::eval::eval;
use factord_eval::{Model, fenv};
use factord_models::file::Artifact;
use factord_quant::table::{CsvRows, Format, Input};
use serde_json::{Value, json};
use std::path::Path;

/// Probabilities may differ by so many units in the last place: the exponentials of two libraries
/// do.
const ULPS_MAX: u64 = 2;

/// What the rows of a file say.
pub(super) struct Verified {
    what: &'static str,
    rows: u64,
    /// Answers that have the library's bits.
    exact: u64,
}

impl Verified {
    pub(super) fn text(&self, path: &Path) -> String {
        let Verified { what, rows, exact } = self;
        let rest = rows - exact;
        let near = match rest {
            0 => String::new(),
            _ => format!(", {rest} within {ULPS_MAX} units in the last place"),
        };
        format!("verified: {exact} of {rows} {what} in {} equal to the bit{near}", path.display())
    }

    pub(super) fn json(&self) -> Value {
        json!({"rows": self.rows, "compared": self.what, "equal_bits": self.exact})
    }
}

/// One way to compare answers: raw scores, or what is served.
struct Way {
    what: &'static str,
    ulps_max: u64,
    exact: u64,
    near: u64,
    /// Line, the library's answer and ours.
    first_off: Option<(u64, f64, f64)>,
}

impl Way {
    fn new(what: &'static str, ulps_max: u64) -> Way {
        Way { what, ulps_max, exact: 0, near: 0, first_off: None }
    }

    fn take(&mut self, line: u64, expected: f64, found: f64) {
        let ulps = expected.to_bits().abs_diff(found.to_bits());
        if ulps == 0 {
            self.exact += 1;
        } else if ulps <= self.ulps_max {
            self.near += 1;
        } else {
            self.first_off.get_or_insert((line, expected, found));
        }
    }
}

/// Compares an artifact with the rows of a file: its features, in their order or by their names,
/// and in the last column the library's answer, which is a raw score or what the model serves.
///
/// # Errors
///
/// [`Failure`] when the file cannot be read, or a row is answered differently.
pub(super) fn verify(path: &Path, artifact: &Artifact) -> Result<Verified, Failure> {
    let input = Input::open(path)?;
    if input.format() != Format::Csv {
        let what = input.content();
        let why = format!("is {what}: save the rows as CSV, which may be gzipped");
        return Err(unusable(path, 1, why));
    }
    let mut rows = CsvRows::new(input.into_text(), path);
    let (mut row, model) = (ByteRecord::new(), artifact.model());
    let mut ways = match model {
        Model::Forest(_) => vec![Way::new("raw scores", 0)],
        Model::Affine(_) => Vec::new(),
    };
    let is_classifier = model.is_classifier();
    let what = if is_classifier { "probabilities" } else { "predictions" };
    ways.push(Way::new(what, if is_classifier { ULPS_MAX } else { 0 }));
    rows.read(&mut row)?;
    let columns = columns(path, &row, &artifact.details().feature_names)?;
    let (mut x, mut count) = (Vec::new(), 0);
    while rows.read(&mut row)? {
        let line = row.position().map_or(0, csv::Position::line);
        if row.len() != columns.len() + 1 {
            let why = format!("has {} fields, {} are needed", row.len(), columns.len() + 1);
            return Err(unusable(path, line, why));
        }
        x.clear();
        for &column in &columns {
            x.push(number(path, line, &row[column])?);
        }
        let expected = number(path, line, &row[columns.len()])?;
        if !model.accepts(&x) {
            return Err(unusable(path, line, "holds features that the model does not take"));
        }
        count += 1;
        fenv::with_default(|| {
            if let Model::Forest(forest) = model {
                ways[0].take(line, expected, forest.score(&x));
            }
            let last = ways.len() - 1;
            ways[last].take(line, expected, eval(model, &x).y);
        });
    }
    judge(path, &ways, count)
}

/// The way in which the most rows agree, if all do.
fn judge(path: &Path, ways: &[Way], rows: u64) -> Result<Verified, Failure> {
    if rows == 0 {
        return Err(unusable(path, 1, "has no rows below its header"));
    }
    let best = ways.iter().rev().max_by_key(|way| way.exact + way.near);
    let Some(&Way { what, exact, first_off, .. }) = best else {
        return Err(Failure::new(Code::Internal, "there is nothing to compare"));
    };
    match first_off {
        None => Ok(Verified { what, rows, exact }),
        Some((line, expected, found)) => {
            let why = format!(
                "{exact} of {rows} {what} have the library's bits; the first that differs is \
                 {expected:?} there and {found:?} here: nothing was written, and the last column \
                 must be the library's answer to the features before it"
            );
            Err(unusable(path, line, why))
        }
    }
}

/// Where each feature stands: by its name if the header has all of them, else in order.
fn columns(path: &Path, header: &ByteRecord, names: &[String]) -> Result<Vec<usize>, Failure> {
    if header.len() != names.len() + 1 {
        let why = format!(
            "has {} columns: {} features and the library's answer are needed",
            header.len(),
            names.len()
        );
        return Err(unusable(path, 1, why));
    }
    let find = |name: &String| header.iter().position(|field| field == name.as_bytes());
    let named: Option<Vec<usize>> = names.iter().map(find).collect();
    let is_last = |columns: &Vec<usize>| !columns.contains(&names.len());
    Ok(named.filter(is_last).unwrap_or_else(|| (0..names.len()).collect()))
}

/// A number, or NaN for a cell that is empty.
fn number(path: &Path, line: u64, field: &[u8]) -> Result<f64, Failure> {
    let text = str::from_utf8(field).unwrap_or("?").trim();
    if text.is_empty() {
        return Ok(f64::NAN);
    }
    text.parse().map_err(|_| unusable(path, line, format!("holds {text:?}, which is no number")))
}

fn unusable(path: &Path, line: u64, why: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Data, format!("{} line {line}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_models::file::Details;
    use std::fs;

    fn artifact() -> Artifact {
        let model = Model::linear(vec![0.5, -1.0], 0.25).unwrap();
        let feature_names = vec!["a".to_owned(), "b".to_owned()];
        let details = Details { name: "m".to_owned(), feature_names, ..Details::default() };
        Artifact::new(model, details).unwrap()
    }

    fn of(text: &str) -> Result<Verified, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.csv");
        fs::write(&path, text).unwrap();
        verify(&path, &artifact())
    }

    #[test]
    fn rows_that_agree_are_counted_by_name_or_in_order() {
        for text in ["b,a,y\n1,0.5,-0.5\n0,1,0.75\n", "f0,f1,raw\n0.5,1,-0.5\n1,0,0.75\n"] {
            let verified = of(text).unwrap();
            assert_eq!((verified.rows, verified.exact, verified.what), (2, 2, "predictions"));
        }
    }

    #[test]
    fn a_row_that_differs_in_its_last_bit_is_named() {
        let off = (-0.5f64).next_up();
        let failure = of(&format!("a,b,y\n1,0,0.75\n0.5,1,{off:?}\n")).err().unwrap();
        assert!(failure.message.contains("rows.csv line 3: 1 of 2 predictions"), "{failure}");
        assert_eq!(failure.code, Code::Data);
    }

    #[test]
    fn rows_that_cannot_be_compared_are_refused_by_line() {
        for (text, expected) in [
            ("a,b\n1,2\n", "line 1: has 2 columns: 2 features and"),
            ("a,b,y\n", "line 1: has no rows"),
            ("a,b,y\n1,2\n", "line 2: has 2 fields, 3 are needed"),
            ("a,b,y\n1,x,2\n", "line 2: holds \"x\", which is no number"),
            ("a,b,y\n1,,2\n", "line 2: holds features that the model does not take"),
        ] {
            let failure = of(text).err().unwrap();
            assert!(failure.message.contains(expected), "{failure}");
        }
    }
}
