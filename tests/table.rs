//! Feature tables in files: what is written is read back, and a bad file is named to the column.

use arrow_array::{Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use factord_quant::table::{
    CHUNK_ROWS, Compression, Format, Reader, Table, TableError, Want, Writer, WriterOptions,
};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("symbol", DataType::Utf8, false),
        Field::new("start_ns", DataType::Int64, false),
        Field::new("buy_rate", DataType::Float64, true),
    ]))
}

/// Rows `from` to `to`: a number that needs all its digits, and a missing one now and then.
fn rows(from: i64, to: i64) -> RecordBatch {
    let symbols = StringArray::from_iter_values((from..to).map(|i| format!("S,{}", i % 3)));
    let starts = Int64Array::from_iter_values(from..to);
    let rate = |i: i64| (i % 1000 != 7).then(|| (i as f64 * 0.1).sin());
    let rates = Float64Array::from_iter((from..to).map(rate));
    RecordBatch::try_new(schema(), vec![Arc::new(symbols), Arc::new(starts), Arc::new(rates)])
        .unwrap()
}

fn write(path: &Path, count: i64, compression: Compression) {
    let mut writer = Writer::create(path, &schema(), &WriterOptions { compression }).unwrap();
    for from in (0..count).step_by(10_000) {
        writer.write(&rows(from, count.min(from + 10_000))).unwrap();
    }
    assert!(!path.exists(), "nothing bears the name before the end");
    writer.finish().unwrap();
}

fn wanted() -> [Want; 3] {
    [Want::float("rate").or("buy_rate"), Want::integer("start_ns"), Want::text("symbol")]
}

/// Reads everything and compares it with what [`rows`] makes.
fn read(reader: &mut Reader, count: i64) {
    let mut next = 0;
    while let Some(chunk) = reader.next_chunk().unwrap() {
        assert!((1..=CHUNK_ROWS).contains(&chunk.len()));
        for row in 0..chunk.len() {
            let i = next % count;
            assert_eq!(chunk.integers(1)[row], i);
            assert_eq!(chunk.texts(2).value(row), format!("S,{}", i % 3));
            let expected = if i % 1000 == 7 { f64::NAN } else { (i as f64 * 0.1).sin() };
            let found = chunk.floats(0)[row];
            assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && i % 1000 == 7));
            next += 1;
        }
    }
    assert_eq!((next, reader.progress()), (count * (next / count).max(1), Some(1.0)));
}

fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The message of the first fault in a file.
fn fault(path: &Path, wanted: &[Want]) -> String {
    let message = fault_of(path, wanted).expect("the file has a fault").to_string();
    message.replace(&*path.to_string_lossy(), "FILE")
}

fn fault_of(path: &Path, wanted: &[Want]) -> Option<TableError> {
    let mut reader = match Reader::open(path, wanted) {
        Ok(reader) => reader,
        Err(error) => return Some(error),
    };
    loop {
        match reader.next_chunk() {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

#[test]
fn every_format_is_told_by_content_and_reads_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let count = 2 * CHUNK_ROWS as i64 + 4321;
    for (name, format, compression) in [
        ("a.csv", Format::Csv, Compression::None),
        ("a.csv.gz", Format::Csv, Compression::None),
        ("a.parquet", Format::Parquet, Compression::None),
        ("b.parquet", Format::Parquet, Compression::Snappy),
        ("c.pq", Format::Parquet, Compression::Zstd),
    ] {
        let path = folder.path().join(name);
        write(&path, count, compression);
        // Under a name that says nothing.
        let plain = folder.path().join("plain");
        fs::rename(&path, &plain).unwrap();
        let table = Table::open(&plain).unwrap();
        assert_eq!(table.format(), format, "{name}");
        assert_eq!(table.names(), ["symbol", "start_ns", "buy_rate"]);
        let mut reader = table.select(&wanted()).unwrap();
        read(&mut reader, count);
        reader.rewind().unwrap();
        read(&mut reader, count);
    }
}

#[test]
fn several_files_are_read_one_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a.csv", "b.parquet", "c.csv.gz"];
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
    for path in &paths {
        write(path, 1234, Compression::None);
    }
    let mut reader = Reader::open_all(&paths, &wanted()).unwrap();
    read(&mut reader, 1234);
    reader.rewind().unwrap();
    let mut seen = Vec::new();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        seen.push((chunk.place(0).path.to_path_buf(), chunk.len()));
    }
    assert_eq!(seen, paths.iter().map(|path| (path.clone(), 1234)).collect::<Vec<_>>());
}

#[test]
fn a_table_that_is_not_finished_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.csv", "a.csv.gz", "a.parquet"] {
        let old = file(&folder, name, b"old");
        let mut writer = Writer::create(&old, &schema(), &WriterOptions::default()).unwrap();
        writer.write(&rows(0, 100)).unwrap();
        drop(writer);
        assert_eq!(fs::read(&old).unwrap(), b"old");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn a_fault_in_text_names_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = [Want::float("x"), Want::integer("n")];
    let fault = |text: &str| fault(&file(&folder, "a.csv", text.as_bytes()), &wanted);
    assert_eq!(fault("n,x\n1,2\n\n3,four\n"), "FILE:4: column 2 (x): `four` is not a number");
    assert_eq!(fault("n,x\n1.5,2\n"), "FILE:2: column 1 (n): `1.5` is not an integer");
    assert_eq!(fault("n,x\n,2\n"), "FILE:2: column 1 (n): the value is missing");
    assert_eq!(fault("n,x\n1,2\n1\n"), "FILE:3: 1 fields, the header has 2");
    assert_eq!(fault("n,y\n1,2\n"), "FILE: no column x: the columns are n, y");
    assert_eq!(fault("n,x,x\n"), "FILE: column 3: the header names x twice");
    assert_eq!(
        fault("1,2\n3,4\n"),
        "FILE:1: the first line holds numbers: a header line is needed"
    );
    assert_eq!(fault(""), "FILE: the file is empty, not even a header");
    assert_eq!(fault("\n\n"), "FILE: the file is empty, not even a header");
}

#[test]
fn a_gzip_stream_that_is_cut_names_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv.gz");
    write(&path, 5000, Compression::None);
    let whole = fs::read(&path).unwrap();
    for len in [3, 10, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
        let cut = file(&folder, "cut.gz", &whole[..len]);
        let message = fault(&cut, &wanted());
        assert!(message.contains("the gzip stream ends early"), "{len}: {message}");
        assert!(message.starts_with("FILE:"), "{message}");
    }
    let half = fault(&file(&folder, "cut.gz", &whole[..whole.len() / 2]), &wanted());
    let line: u64 = half.split(':').nth(1).unwrap().parse().unwrap();
    assert!((1000..4000).contains(&line), "{half}");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x40;
    assert!(fault_of(&file(&folder, "cut.gz", &flipped), &wanted()).is_some());
    // Two members are one text.
    let mut two = whole.clone();
    let mut more = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    more.write_all(b"x,y,oops\n").unwrap();
    two.extend(more.finish().unwrap());
    let message = fault(&file(&folder, "two.gz", &two), &wanted());
    assert_eq!(message, "FILE:5002: column 3 (buy_rate): `oops` is not a number");
}

#[test]
fn a_parquet_file_that_is_cut_or_changed_is_refused_or_read_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, 3000, Compression::Snappy);
    let whole = fs::read(&path).unwrap();
    for len in [4, 8, 100, whole.len() / 2, whole.len() - 4, whole.len() - 1] {
        let message = fault(&file(&folder, "cut", &whole[..len]), &wanted());
        assert!(message.starts_with("FILE: row 1: not a complete Parquet file"), "{message}");
    }
    // A hole in the middle, with the footer as it was.
    let (a, b) = (whole.len() / 4, whole.len() / 4 + 100);
    let hole = [&whole[..a], &whole[b..]].concat();
    assert!(fault_of(&file(&folder, "hole", &hole), &wanted()).is_some());
    let mut refused = 0;
    for at in (4..whole.len()).step_by(whole.len() / 400) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        refused += u32::from(fault_of(&file(&folder, "flipped", &flipped), &wanted()).is_some());
    }
    assert!(refused > 0);
}

#[test]
fn a_parquet_column_of_another_type_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, 10, Compression::None);
    let fault = |want: Want| fault(&path, &[want]);
    let text = fault(Want::float("symbol"));
    assert_eq!(text, "FILE: column 1 (symbol) holds Utf8, not numbers");
    let float = fault(Want::integer("buy_rate"));
    assert_eq!(float, "FILE: column 3 (buy_rate) holds Float64, not integers");
    assert_eq!(fault(Want::text("start_ns")), "FILE: column 2 (start_ns) holds Int64, not text");
    let missing = fault(Want::float("sell_rate"));
    assert_eq!(missing, "FILE: no column sell_rate: the columns are symbol, start_ns, buy_rate");
}

#[test]
fn a_pipe_is_read_once_and_never_as_parquet() {
    let mut reader = Reader::open(Path::new("/dev/null"), &[]).map(|_| ()).unwrap_err();
    assert!(matches!(reader, TableError::Empty { .. }), "{reader}");
    let (mine, mut other) = std::io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&mine)));
    other.write_all(b"PAR1PAR1").unwrap();
    drop(other);
    reader = Reader::open(&path, &[]).map(|_| ()).unwrap_err();
    assert!(reader.to_string().contains("Parquet cannot be read from a pipe"), "{reader}");
    let (mine, mut other) = std::io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&mine)));
    other.write_all(b"x\n1\n").unwrap();
    drop(other);
    let mut once = Reader::open(&path, &[Want::float("x")]).unwrap();
    assert_eq!(once.next_chunk().unwrap().unwrap().floats(0), [1.0]);
    assert!(once.next_chunk().unwrap().is_none());
    assert!(once.rewind().unwrap_err().to_string().contains("cannot be read twice"));
}
