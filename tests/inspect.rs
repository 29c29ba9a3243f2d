//! `factord inspect`: what a file is, in words and as JSON, without a byte of it raw.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

fn inspect(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    let output = command.arg("inspect").args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const TRADES: &str = "id,price,qty,quote_qty,time,is_buyer_maker\n\
                      1,60000.0,0.1,6000,1723161600100,false\n\
                      2,60000.5,0.2,12000.1,1723161605200,true\n";

#[test]
fn trades_are_explained_as_they_would_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let name = "BTCUSDT-trades-2024-08-09.csv";
    fs::write(folder.path().join(name), TRADES).unwrap();
    let (code, page, said) = inspect(folder.path(), &[name]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    for line in [
        "  content     text, UTF-8\n",
        "  trades      binance-trades (Binance, trades), by its header\n",
        "  column      is_buyer_maker: true: the seller is the aggressor; false: the buyer\n",
        "  times       in time: milliseconds since 1970 UTC\n",
        "  first       2024-08-09T00:00:00.1Z\n",
        "  last        2024-08-09T00:00:05.2Z\n",
        "  order       oldest first\n",
        "  order ids   none\n",
        "  trade       2024-08-09T00:00:00.1Z BTCUSDT 60000 x 0.1 B\n",
        "  trade       2024-08-09T00:00:05.2Z BTCUSDT 60000.5 x 0.2 S\n",
    ] {
        assert!(page.contains(line), "{line}{page}");
    }
    let (_, json, _) = inspect(folder.path(), &[name, "--json"]);
    let rows: Value = serde_json::from_str(&json).unwrap();
    let row = &rows[0];
    assert_eq!(row["what"], "trades");
    assert_eq!((&row["preset"], &row["trades"]), (&"binance-trades".into(), &2.into()));
    assert_eq!(row["rows"][0]["ts_ns"], 1_723_161_600_100_000_000_i64);
    assert_eq!(row["first"], "2024-08-09T00:00:00.1Z");
}

#[test]
fn tables_and_models_are_told_from_trades() {
    let folder = tempfile::tempdir().unwrap();
    let table = "symbol,start_ns,end_ns,buy_rate,large_buy,large_sell\n\
                 A,1675214700000000000,1675214760000000000,0.5,0.2,0.3\n";
    fs::write(folder.path().join("f.csv"), table).unwrap();
    let (code, page, _) = inspect(folder.path(), &["f.csv"]);
    assert_eq!(code, Some(0));
    assert!(page.contains("  table       features, a row a window, 1 rows\n"), "{page}");
    assert!(page.contains("  last        2023-02-01T01:26:00Z\n"), "{page}");
    assert!(!page.contains("no trades"), "{page}");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/golden_2.fmodel");
    let (code, page, _) = inspect(folder.path(), &[model.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    assert!(page.contains("  content     a model artifact of factord\n"), "{page}");
    assert!(page.contains("golden vectors bit for bit"), "{page}");
    // Nothing that is read: named, with the code of malformed input.
    fs::write(folder.path().join("t.orc"), b"ORC\x08\x03").unwrap();
    let (code, page, said) = inspect(folder.path(), &["t.orc", "f.csv"]);
    assert_eq!(code, Some(65));
    assert!(page.contains("  content     ORC\n") && page.contains("features, a row"), "{page}");
    assert!(said.contains("t.orc: it is ORC, which is not read here"), "{said}");
}

#[test]
fn nothing_of_a_file_reaches_the_terminal_raw() {
    let folder = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 5] = [
        ("a.csv", b"\x1b]0;owned\x07\x1b[31mts,price\n1,\x1b[2J\n"),
        ("b.csv", b"time,price,qty,symbol\n1675215000,10,1,\x1b[31mX\x9b\n"),
        ("c.csv", b"\x01\x02\x1b\x04"),
        ("d.pkl", b"\x80\x04\x8c\x05\x1b[31m."),
        ("e\x1b[31m.csv", b"a,b\n1,2\n"),
    ];
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
        for more in [&[][..], &["--json"]] {
            let (_, page, said) = inspect(folder.path(), &[&[name], more].concat());
            for text in [page, said] {
                let raw = |letter: char| letter != '\n' && letter.is_control();
                assert!(!text.chars().any(raw), "{name}: {text:?}");
            }
        }
    }
}

#[test]
fn strangers_files_are_all_named() {
    let places = ["../shared/faults/files", "../shared/ticks"];
    for place in places {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
        let Ok(entries) = fs::read_dir(&folder) else {
            println!("skipped: there is no {place}");
            continue;
        };
        let mut count = 0;
        for entry in entries {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".py") {
                continue;
            }
            let (code, page, said) = inspect(&folder, &[&name]);
            let json = name.contains("body") || name.starts_with("28_headless");
            assert_eq!(code, Some(if json { 65 } else { 0 }), "{name}: {said}");
            assert!(page.contains("  content     "), "{name}: {page}");
            assert!(!page.contains("refused"), "{name}: {page}");
            let raw = |letter: char| letter != '\n' && letter.is_control();
            assert!(![page, said].iter().any(|text| text.chars().any(raw)), "{name}");
            count += 1;
        }
        assert!(count > 8, "{place}: {count}");
    }
}
