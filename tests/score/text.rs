//! Text in every way that programs write it: the same rows, the same scores.

use crate::tables::{read_csv, read_parquet};
use crate::{score, scored};
use std::fmt::Write as _;
use std::fs;

/// Lines of a table over many blocks, and of the same scored, without their ends.
fn lines(rows: usize) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.csv"), folder.path().join("out.csv"));
    let mut lines = vec!["symbol,class,buy_rate,large_buy,large_sell,note".to_owned()];
    for row in 0..rows {
        let x = |step: usize| (row * step % 1_009) as f64 / 1_009.0;
        let (a, b, c) = (x(7), x(11), x(13));
        lines.push(format!("60{:04}.SH,old,{a:?},{b:?},{c:e},n{row}", row % 500));
    }
    fs::write(&input, lines.join("\n") + "\n").unwrap();
    scored(&score(&input, &output, &["--threads", "1"]));
    let out = fs::read_to_string(&output).unwrap();
    (lines, out.lines().map(str::to_owned).collect())
}

#[test]
fn text_that_is_quoted_or_ends_its_lines_otherwise_is_scored_as_plain_text_is() {
    const ROWS: usize = 30_000;
    let (lines, expected) = lines(ROWS);
    assert_eq!(expected.len(), ROWS + 1);
    let header = "symbol,class,buy_rate,large_buy,large_sell,note,regression,probability";
    assert_eq!(expected[0], header);
    let quoted = |line: &String| {
        let (symbol, rest) = line.split_once(',').unwrap();
        format!("\"{symbol}\",{rest}")
    };
    let all_quoted = |line: &String| format!("\"{}\"", line.replace(',', "\",\""));
    let text = |end: &str, line: &dyn Fn(&String) -> String| {
        lines.iter().fold(String::new(), |mut text, each| {
            let _ = write!(text, "{}{end}", line(each));
            text
        })
    };
    let expected = expected.join("\n") + "\n";
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.csv"), folder.path().join("out.csv"));
    for (case, text) in [
        ("as it is", text("\n", &String::clone)),
        ("no last end", text("\n", &String::clone).trim_end().to_owned()),
        ("a mark before it", format!("\u{feff}{}", text("\n", &String::clone))),
        ("CRLF", text("\r\n", &String::clone)),
        ("CR", text("\r", &String::clone)),
        ("blank lines", text("\n\n", &String::clone)),
        ("symbols in quotes", text("\n", &quoted)),
        ("all in quotes", text("\n", &all_quoted)),
        ("all in quotes, CRLF", text("\r\n", &all_quoted)),
    ] {
        fs::write(&input, text).unwrap();
        for threads in ["1", "3"] {
            scored(&score(&input, &output, &["--threads", threads]));
            assert!(fs::read_to_string(&output).unwrap() == expected, "{case}");
        }
    }
}

#[test]
fn a_field_keeps_the_quotes_that_it_needs_wherever_it_stands() {
    const ROWS: usize = 12_000;
    let (mut lines, mut expected) = lines(ROWS);
    // Each in a block of its own; behind the line feed the csv crate reads everything.
    for (at, symbol) in
        [(1_000, "\"a,b\""), (4_000, "\"a\rb\""), (8_000, "\"a\"\"b\""), (11_000, "\"two\nlines\"")]
    {
        for lines in [&mut lines, &mut expected] {
            lines[at] = format!("{symbol},{}", lines[at].split_once(',').unwrap().1);
        }
    }
    // Quotes that are not needed go.
    let note = lines[2_000].rfind('n').unwrap();
    lines[2_000] = format!("{}\"{}\"", &lines[2_000][..note], &lines[2_000][note..]);
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.csv"), folder.path().join("out.csv"));
    fs::write(&input, lines.join("\n") + "\n").unwrap();
    scored(&score(&input, &output, &[]));
    assert!(fs::read_to_string(&output).unwrap() == expected.join("\n") + "\n");
}

#[test]
fn a_bad_row_is_named_by_its_line_behind_blocks_of_every_kind() {
    const ROWS: usize = 30_000;
    let (mut lines, _) = lines(ROWS);
    // Blank lines count, and so do those inside of quotes.
    lines[3_000].insert(0, '\n');
    lines[20_000] = format!("\"two\nlines\",{}", lines[20_000].split_once(',').unwrap().1);
    lines[29_000] = "x,y,0.5,z,0.5,n".to_owned();
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.csv");
    for end in ["\n", "\r\n"] {
        fs::write(&input, lines.join(end)).unwrap();
        let ran = score(&input, &folder.path().join("out.csv"), &[]);
        assert_eq!(ran.code, 65, "{}", ran.err);
        // The header is line 1, and two lines more stand before it.
        let message = "in.csv:29003: column 4 (large_buy): `z` is not a number";
        assert!(ran.err.contains(message), "{}", ran.err);
    }
}

#[test]
fn a_feature_with_zeros_before_it_is_a_number_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let [input, text, table] =
        ["in.csv", "o.csv", "o.parquet"].map(|name| folder.path().join(name));
    for symbol in ["A", "\"two\nlines\""] {
        let header = "symbol,buy_rate,large_buy,large_sell";
        fs::write(&input, format!("{header}\n{symbol},00.5,.2,0.3\nB,0.5,0.2,0.3\n")).unwrap();
        for output in [&text, &table] {
            scored(&score(&input, output, &[]));
        }
        for found in [read_csv(&text), read_parquet(&table)] {
            assert_eq!(found.column("regression"), ["0.500053855850386"; 2], "{symbol}");
        }
        assert_eq!(read_parquet(&table).column("buy_rate"), ["0.5"; 2], "{symbol}");
    }
}
