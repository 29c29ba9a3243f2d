//! The golden files: what they hold, and how they are written and read.

use crate::divided::{self, Request};
use crate::fault::{During, Fault, ensure, fail};
use crate::golden_rows::{GoldenRow, answered, image_rows, narrow_inputs};
use crate::images;
use crate::models::{self, Random, Variant, WIDE};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Rows of a wide file.
const WIDE_ROWS: usize = 2;

fn bad_inputs() -> Vec<Vec<f64>> {
    let negative_nan = f64::from_bits(0xFFF8_0000_0000_0001);
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, negative_nan];
    let mut inputs = Vec::new();
    for place in 0..3 {
        for value in values {
            let mut x = vec![0.5, 0.25, 0.125];
            x[place] = value;
            inputs.push(x);
        }
    }
    inputs
}

fn words(line: &mut String, bits: impl Iterator<Item = u64>) {
    for word in bits {
        // A string takes every write.
        let _ = write!(line, "{word:016x} ");
    }
    line.pop();
    line.push('\n');
}

fn text(rows: &[GoldenRow]) -> String {
    let mut text = String::new();
    for row in rows {
        let x = row.x.iter().map(|value| value.to_bits());
        words(&mut text, x.chain([row.y, row.second]));
    }
    text
}

fn divided_text(requests: &[Request]) -> String {
    let mut text = String::new();
    for Request { key, row, arm, fingerprint } in requests {
        let x = row.x.iter().map(|value| value.to_bits());
        let tail = [row.y, row.second, u64::from(*arm), *fingerprint];
        words(&mut text, [*key].into_iter().chain(x).chain(tail));
    }
    text
}

/// Every golden file by its name, as it must be.
fn files() -> Result<Vec<(String, String)>, Fault> {
    let [regression, classification] = models::built_in();
    let wide_linear = models::wide_linear().during("wide")?;
    let wide_logistic = models::wide_logistic().during("wide-logistic")?;
    let swing = |variant| models::swing(variant).during("swing");
    let mut random = Random(4);
    let mut wide = || (0..WIDE_ROWS).map(|_| random.numbers(WIDE, 0.0, 1.0)).collect();
    let tables = [
        ("regression", answered(regression.model(), narrow_inputs())?),
        ("classification", answered(classification.model(), narrow_inputs())?),
        ("swing-a", answered(&swing(Variant::A)?, narrow_inputs())?),
        ("swing-b", answered(&swing(Variant::B)?, narrow_inputs())?),
        ("bb", answered(&models::bound().during("bb")?, narrow_inputs())?),
        ("wide", answered(&wide_linear, wide())?),
        ("wide-logistic", answered(&wide_logistic, wide())?),
        ("image", image_rows()?),
    ];
    let file = |(name, rows): (&str, Vec<GoldenRow>)| (format!("{name}.golden"), text(&rows));
    let mut files: Vec<(String, String)> = tables.into_iter().map(file).collect();
    let mut bad = String::new();
    for x in bad_inputs() {
        words(&mut bad, x.into_iter().map(f64::to_bits));
    }
    files.push(("bad.golden".to_owned(), bad));
    files.push(("divided.golden".to_owned(), divided_text(&divided::requests()?)));
    for (name, text) in images::texts()? {
        files.push((format!("images/{name}.image"), text));
    }
    Ok(files)
}

/// Writes every golden file under `folder`.
pub(crate) fn write_all(folder: &Path) -> Result<usize, Fault> {
    fs::create_dir_all(folder.join("images")).during("the folder of the images")?;
    let files = files()?;
    for (name, text) in &files {
        fs::write(folder.join(name), text).during(name)?;
    }
    Ok(files.len())
}

/// Writes golden files that no honest client agrees with: the last row of each is off by its last
/// bit, of the models that are swapped or move every row, and the last bad row is a good one. The
/// images are as they should be.
pub(crate) fn write_spoilt(folder: &Path) -> Result<(), Fault> {
    write_all(folder)?;
    let names = ["regression", "classification", "wide", "wide-logistic", "image"];
    for name in names.into_iter().chain(["swing-a", "swing-b", "bb"]) {
        let mut rows = read(folder, name)?;
        let whole = name == "bb" || name.starts_with("swing");
        let first = if whole { 0 } else { rows.len() - 1 };
        rows[first..].iter_mut().for_each(|row| row.y ^= 1);
        fs::write(folder.join(format!("{name}.golden")), text(&rows)).during(name)?;
    }
    let mut bad = String::new();
    for x in read_bad(folder)?.into_iter().skip(1).chain([vec![0.5; 3]]) {
        words(&mut bad, x.into_iter().map(f64::to_bits));
    }
    fs::write(folder.join("bad.golden"), bad).during("bad")?;
    let mut requests = read_divided(folder)?;
    requests.iter_mut().for_each(|request| request.row.y ^= 1);
    fs::write(folder.join("divided.golden"), divided_text(&requests)).during("divided")
}

fn lines(folder: &Path, name: &str) -> Result<Vec<Vec<u64>>, Fault> {
    let path = folder.join(format!("{name}.golden"));
    let text = fs::read_to_string(&path).during(path.display())?;
    let word = |word: &str| u64::from_str_radix(word, 16).during(path.display());
    let line = |line: &str| line.split(' ').map(word).collect::<Result<Vec<u64>, Fault>>();
    let rows: Vec<Vec<u64>> =
        text.lines().filter(|text| !text.starts_with('#')).map(line).collect::<Result<_, _>>()?;
    ensure(!rows.is_empty(), || format!("{} holds no rows", path.display()))?;
    Ok(rows)
}

/// Reads the rows of a golden file.
pub(crate) fn read(folder: &Path, name: &str) -> Result<Vec<GoldenRow>, Fault> {
    let row = |words: Vec<u64>| match words.as_slice() {
        [x @ .., y, second] if !x.is_empty() => {
            let x = x.iter().map(|&bits| f64::from_bits(bits)).collect();
            Ok(GoldenRow { x, y: *y, second: *second })
        }
        _ => fail(format!("{name}.golden: a row of {} words", words.len())),
    };
    lines(folder, name)?.into_iter().map(row).collect()
}

/// Reads the requests for the divided name.
pub(crate) fn read_divided(folder: &Path) -> Result<Vec<Request>, Fault> {
    let request = |words: Vec<u64>| match words.as_slice() {
        [key, x @ .., y, second, arm, fingerprint] if !x.is_empty() => {
            let x = x.iter().map(|&bits| f64::from_bits(bits)).collect();
            let row = GoldenRow { x, y: *y, second: *second };
            let arm = u16::try_from(*arm).during("divided.golden: an arm")?;
            Ok(Request { key: *key, row, arm, fingerprint: *fingerprint })
        }
        _ => fail(format!("divided.golden: a row of {} words", words.len())),
    };
    lines(folder, "divided")?.into_iter().map(request).collect()
}

/// Reads the rows that have no answer.
pub(crate) fn read_bad(folder: &Path) -> Result<Vec<Vec<f64>>, Fault> {
    let rows = lines(folder, "bad")?;
    Ok(rows.into_iter().map(|words| words.into_iter().map(f64::from_bits).collect()).collect())
}
