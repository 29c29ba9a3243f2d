//! The columns of a table to score: which hold the features, which take the outputs.
//!
//! `factord predict --csv` and [`super`] read rows by the same rules.

use super::row_error::RowError;
use csv::ByteRecord;
use factord_factors::column_called;

/// What to do with one output column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A column of the input.
    Input(usize),
    /// An output of a model.
    Output(usize),
}

/// Where features are read and outputs are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    names: Vec<String>,
    features: Vec<usize>,
    outputs: Vec<String>,
    sources: Vec<Source>,
}

/// The names by which a feature is looked for, the one for messages first.
pub fn known_as(feature: &str) -> Vec<&str> {
    match column_called(feature) {
        Some(column) => [column.name].into_iter().chain(column.alias).collect(),
        None => vec![feature],
    }
}

impl Columns {
    /// Reads the header of a CSV file.
    ///
    /// # Errors
    ///
    /// [`RowError`] when the header leaves a doubt.
    pub fn of_csv(
        header: &ByteRecord,
        features: &[String],
        outputs: &[String],
    ) -> Result<Columns, RowError> {
        let names: Vec<String> = header.iter().map(text).collect();
        let found = Columns::of_named(names.clone(), features, outputs);
        let Err(RowError::NoColumn { name: missing, .. }) = found else { return found };
        if names.len() < features.len() {
            let needed: Vec<&str> = features.iter().map(|name| known_as(name)[0]).collect();
            return Err(RowError::TooFewColumns { found: names.len(), needed: needed.join(", ") });
        }
        if names.iter().take(features.len()).all(|name| name.parse::<f64>().is_ok()) {
            return Err(RowError::NoHeader);
        }
        let mut there = Vec::new();
        for name in features {
            there.extend(meant(&names, &known_as(name))?.map(|_| known_as(name)[0]));
        }
        match there.is_empty() {
            true => Columns::of_named(names, features, outputs),
            false => Err(RowError::Incomplete { found: there.join(", "), missing }),
        }
    }

    /// Finds the features by their names. If there is no exact match, a name that differs only in
    /// case is meant.
    ///
    /// # Errors
    ///
    /// [`RowError`] when one is not there, or there twice.
    pub fn of_named(
        names: Vec<String>,
        features: &[String],
        outputs: &[String],
    ) -> Result<Columns, RowError> {
        let features = features_of(&names, features)?;
        let mut sources: Vec<Source> = (0..names.len()).map(Source::Input).collect();
        for (output, name) in outputs.iter().enumerate() {
            match only(&names, name, |other| other == name)? {
                // A feature column keeps its place even when it bears an output's name.
                Some(column) if !features.contains(&column) => {
                    sources[column] = Source::Output(output);
                }
                _ => sources.push(Source::Output(output)),
            }
        }
        Ok(Columns { names, features, outputs: outputs.to_vec(), sources })
    }

    /// The columns of the input.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns of the input, and those of them that outputs replace.
    pub(super) fn names_and_replaced(&self) -> (Vec<&str>, Vec<&str>) {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let is_kept = |column: usize| self.sources.contains(&Source::Input(column));
        let replaced = (0..names.len()).filter(|&column| !is_kept(column));
        let replaced = replaced.map(|column| names[column]).collect();
        (names, replaced)
    }

    /// Which of them hold the features.
    pub fn features(&self) -> &[usize] {
        &self.features
    }

    /// Which feature a column holds, the first of them.
    pub(super) fn feature_at(&self, column: usize) -> Option<usize> {
        self.features.iter().position(|&feature| feature == column)
    }

    /// Which columns hold the features, for people.
    pub fn taken(&self) -> String {
        const SHOWN_MAX: usize = 8;
        let one = |&at: &usize| format!("{} (column {})", self.names[at].escape_debug(), at + 1);
        let mut list: Vec<String> = self.features.iter().take(SHOWN_MAX).map(one).collect();
        if let Some(more) = self.features.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            list.push(format!("and {more} more"));
        }
        format!("features are {}", list.join(", "))
    }

    /// Whether the columns to write are those of the input, in their order, and the outputs behind
    /// them.
    pub(super) fn only_adds(&self) -> bool {
        let added = (0..self.outputs.len()).map(Source::Output);
        (0..self.names.len()).map(Source::Input).chain(added).eq(self.sources.iter().copied())
    }

    /// The columns to write.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The header to write.
    pub fn header(&self, header: &ByteRecord) -> ByteRecord {
        self.row(header, Some(&self.outputs))
    }

    /// The row to write; without outputs their columns stay empty.
    pub fn row<T: AsRef<[u8]>>(&self, input: &ByteRecord, outputs: Option<&[T]>) -> ByteRecord {
        let field = |source: &Source| match *source {
            Source::Input(column) => input.get(column).unwrap_or_default(),
            Source::Output(output) => outputs.map_or(&[][..], |texts| texts[output].as_ref()),
        };
        self.sources.iter().map(field).collect()
    }

    /// Reads the features of a row, all finite, one by one into `take`.
    ///
    /// # Errors
    ///
    /// [`RowError`] names the first column that is at fault.
    pub fn read(&self, row: &ByteRecord, mut take: impl FnMut(usize, f64)) -> Result<(), RowError> {
        for (feature, &column) in self.features.iter().enumerate() {
            take(feature, self.feature(row, column)?);
        }
        if row.len() != self.names.len() {
            return Err(RowError::FieldCount { found: row.len(), expected: self.names.len() });
        }
        Ok(())
    }

    fn feature(&self, row: &ByteRecord, at: usize) -> Result<f64, RowError> {
        let (column, name) = (at + 1, || self.names[at].clone());
        let field = row.get(at).unwrap_or_default().trim_ascii();
        if field.is_empty() {
            return Err(RowError::Missing { column, name: name() });
        }
        match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok()) {
            Some(value) if value.is_finite() => Ok(value),
            Some(_) => Err(RowError::NotFinite { column, name: name(), value: shown(field) }),
            None => Err(self.not_a_number(at, field, "a number")),
        }
    }

    /// The error of a field that should have been something else.
    pub(super) fn not_a_number(&self, at: usize, field: &[u8], expected: &'static str) -> RowError {
        let (column, name, value) = (at + 1, self.names[at].clone(), shown(field));
        RowError::NotANumber { column, name, value, expected }
    }
}

/// A field as it may stand in a message.
fn shown(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

fn features_of(names: &[String], features: &[String]) -> Result<Vec<usize>, RowError> {
    let mut found = Vec::with_capacity(features.len());
    for feature in features {
        found.push(meant(names, &known_as(feature))?);
    }
    let Some(missing) = found.iter().position(Option::is_none) else {
        return Ok(found.into_iter().flatten().collect());
    };
    let name = known_as(&features[missing])[0].to_owned();
    let found: String = names.join(", ").chars().take(200).collect();
    Err(RowError::NoColumn { name, found })
}

/// The column with one of the names, or else with one that differs only in case.
fn meant(names: &[String], known: &[&str]) -> Result<Option<usize>, RowError> {
    let same = |name: &str| known.contains(&name);
    let alike = |name: &str| known.iter().any(|known| known.eq_ignore_ascii_case(name));
    match only(names, known[0], same)? {
        None => only(names, known[0], alike),
        found => Ok(found),
    }
}

/// The one column whose name is it.
fn only(
    names: &[String],
    name: &str,
    is_it: impl Fn(&str) -> bool,
) -> Result<Option<usize>, RowError> {
    let mut columns = names.iter().enumerate().filter(|(_, name)| is_it(name));
    let first = columns.next().map(|(column, _)| column);
    match columns.next() {
        Some((column, _)) => Err(RowError::Twice { column: column + 1, name: name.to_owned() }),
        None => Ok(first),
    }
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field.trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_factors::FEATURES;

    fn features() -> Vec<String> {
        FEATURES.map(|name| column_called(name).unwrap().alias.unwrap().to_owned()).to_vec()
    }

    fn read(columns: &Columns, row: &[&str]) -> Result<Vec<f64>, RowError> {
        let mut x = Vec::new();
        columns.read(&ByteRecord::from(row.to_vec()), |_, value| x.push(value))?;
        Ok(x)
    }

    fn columns(header: &[&str]) -> Result<Columns, RowError> {
        let outputs = ["regression", "probability", "class"].map(str::to_owned);
        Columns::of_csv(&ByteRecord::from(header.to_vec()), &features(), &outputs)
    }

    fn written(header: &[&str], row: &[&str]) -> Vec<String> {
        let outputs = ["R", "P", "C"].map(str::to_owned);
        let record = ByteRecord::from(row.to_vec());
        let row = columns(header).unwrap().row(&record, Some(&outputs));
        row.iter().map(text).collect()
    }

    #[test]
    fn features_are_found_by_name_wherever_they_stand() {
        let found = columns(&["id", "large_sell", "buy_rate", "large_buy"]).unwrap();
        assert_eq!(read(&found, &["7", "0.3", "0.5", "0.2"]), Ok(vec![0.5, 0.2, 0.3]));
        let found = columns(&["S_LI_LARGESELLRATE", "S_LI_LARGEBUYRATE", "S_LI_INITIATIVEBUYRATE"]);
        assert_eq!(found.unwrap().features, [2, 1, 0]);
    }

    #[test]
    fn a_name_that_differs_in_case_alone_is_meant_and_a_position_never_is() {
        let found = columns(&["", "Buy_Rate", "LARGE_BUY", "large_sell"]).unwrap();
        assert_eq!(found.features, [1, 2, 3]);
        let said = "features are Buy_Rate (column 2), LARGE_BUY (column 3), large_sell (column 4)";
        assert_eq!(found.taken(), said);
        let exact = columns(&["Buy_Rate", "buy_rate", "large_buy", "large_sell"]).unwrap();
        assert_eq!(exact.features, [1, 2, 3]);
        let twice = columns(&["Buy_Rate", "BUY_RATE", "large_buy", "large_sell"]);
        assert!(matches!(twice, Err(RowError::Twice { column: 2, .. })), "{twice:?}");
        let (digits, header) =
            (["2", "0"].map(str::to_owned), ByteRecord::from(vec!["0", "1", "2"]));
        assert_eq!(Columns::of_csv(&header, &digits, &[]).unwrap().features, [2, 0]);
        for header in [["a", "b", "c"], ["", "0", "1"], ["id", "rate", "buy rate"]] {
            let refused = columns(&header).unwrap_err();
            assert!(matches!(refused, RowError::NoColumn { .. }), "{refused:?}");
        }
    }

    #[test]
    fn outputs_replace_columns_of_their_names_and_follow_the_others() {
        let header = ["class", "buy_rate", "large_buy", "large_sell", "note"];
        let row = ["old", "1", "2", "3", "n"];
        assert_eq!(written(&header, &row), ["C", "1", "2", "3", "n", "R", "P"]);
    }

    #[test]
    fn headers_that_leave_a_doubt_are_refused() {
        let few = columns(&["a", "b"]).unwrap_err().to_string();
        let expected = "the header has 2 columns: buy_rate, large_buy, large_sell are needed";
        assert_eq!(few, expected);
        assert_eq!(columns(&["0.1", "0.2", "0.3"]), Err(RowError::NoHeader));
        assert!(matches!(
            columns(&["buy_rate", "b", "c"]),
            Err(RowError::Incomplete { missing, .. }) if missing == "large_buy"
        ));
        assert!(matches!(
            columns(&["buy_rate", "large_buy", "large_sell", "buy_rate"]),
            Err(RowError::Twice { column: 4, name }) if name == "buy_rate"
        ));
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let unnamed = Columns::of_named(names, &features(), &[]).unwrap_err().to_string();
        assert_eq!(unnamed, "no column buy_rate: the columns are a, b, c");
        let header = ByteRecord::from(vec!["a", "b"]);
        let other = Columns::of_csv(&header, &["spread".to_owned()], &[]).unwrap_err();
        assert_eq!(other.to_string(), "no column spread: the columns are a, b");
    }

    #[test]
    fn a_bad_value_is_named_by_column() {
        let found = columns(&["buy_rate", "large_buy", "large_sell"]).unwrap();
        let error = |row: &[&str]| read(&found, row).unwrap_err().to_string();
        assert_eq!(error(&["1", "x", "3"]), "column 2 (large_buy): `x` is not a number");
        assert_eq!(error(&["1", "2", "NaN"]), "column 3 (large_sell): `NaN` is not finite");
        assert_eq!(error(&["1", "2", "1e999"]), "column 3 (large_sell): `1e999` is not finite");
        assert_eq!(error(&["", "2", "3"]), "column 1 (buy_rate): the value is missing");
        assert_eq!(error(&["1", "2"]), "column 3 (large_sell): the value is missing");
        assert_eq!(error(&["1", "2", "3", "4"]), "4 fields, the header has 3");
    }
}
