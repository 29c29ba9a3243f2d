//! [`Unread`]: formats that are known and not read, with the way out of each.

/// A format that nothing here reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Unread {
    /// What it is, as in `it is an Excel workbook`.
    pub name: &'static str,
    /// What to do.
    pub way: &'static str,
}

const UNPACK: &str = "unpack it first";
const AS_PARQUET: &str = "write it as Parquet or CSV";
const AS_CSV: &str = "save the sheet as CSV";
const NOT_DATA: &str = "name a table, trades or a model";

const fn is(name: &'static str, way: &'static str) -> Unread {
    Unread { name, way }
}

/// Where its first bytes stand, what they are, and what the file then is.
static BY_BYTES: [(usize, &[u8], Unread); 37] = [
    (0, b"ORC", is("ORC", "write it as Parquet, as with pyarrow.orc.read_table")),
    (0, b"FEA1", is("Feather of version 1", "write it as Feather 2 or Parquet")),
    (0, b"PARE", is("encrypted Parquet", "write it without encryption")),
    (0, b"Obj\x01", is("Avro", AS_PARQUET)),
    (0, b"\x89HDF\r\n\x1a\n", is("HDF5", AS_PARQUET)),
    (0, b"SQLite format 3\0", is("an SQLite database", "export the table as CSV")),
    (8, b"DUCK", is("a DuckDB database", "write it with COPY .. TO 't.parquet'")),
    (0, b"DBN", is("Databento's DBN", "write it as CSV or Parquet, as with `dbn --csv`")),
    (0, b"\x93NUMPY", is("a NumPy array", AS_PARQUET)),
    (0, b"\xff\x01", is("a kdb+ file", "write it as CSV with save or 0:")),
    (0, b"kxzipped", is("a compressed kdb+ file", "write it as CSV with save or 0:")),
    (0, b"\xfe\x20", is("a kdb+ table", "write it as CSV with save or 0:")),
    (0, b"RDX", is("an R workspace", AS_PARQUET)),
    (0, b"RDA", is("an R workspace", AS_PARQUET)),
    (0, b"X\n\0\0\0", is("an R object", AS_PARQUET)),
    (0, b"MATLAB 5.0", is("a MATLAB file", AS_PARQUET)),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", is("an old Excel or Office file", AS_CSV)),
    (0, b"\x04\x22\x4d\x18", is("an lz4 stream", UNPACK)),
    (0, b"\xff\x06\0\0sNaPpY", is("a Snappy stream", UNPACK)),
    (0, b"\x5d\0\0", is("an LZMA stream of before xz", UNPACK)),
    (0, b"\x1f\x9d", is("a stream of compress (.Z)", UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", is("a 7z archive", UNPACK)),
    (0, b"Rar!\x1a\x07", is("a RAR archive", UNPACK)),
    (257, b"ustar", is("a tar archive", UNPACK)),
    (0, b"!<arch>\n", is("an archive of ar", UNPACK)),
    (0, b"%PDF", is("a PDF", NOT_DATA)),
    (0, b"\x7fELF", is("a program", NOT_DATA)),
    (0, b"MZ", is("a program", NOT_DATA)),
    (0, b"\x89PNG", is("a picture", NOT_DATA)),
    (0, b"\xff\xd8\xff", is("a picture", NOT_DATA)),
    (0, b"GIF8", is("a picture", NOT_DATA)),
    (0, b"GGUF", is("a language model (GGUF)", "factord serves linear models and trees")),
    (0, b"CBM1", is("a CatBoost model", IMPORT)),
    (0, b"binf", is("an XGBoost model", IMPORT)),
    (0, b"{L\0\0\0\0\0\0\0\x07learner", is("an XGBoost model (UBJSON)", IMPORT)),
    (0, b"version https://git-lfs", is("a pointer of Git LFS, not the file", "run git lfs pull")),
    (0, b"#!", is("a script", NOT_DATA)),
];

const IMPORT: &str = "factord import takes pickles, ONNX and LightGBM's text";

pub(super) static XGBOOST: Unread = is("an XGBoost model (JSON)", IMPORT);
pub(super) static JSON: Unread = is("JSON", AS_PARQUET);
pub(super) static MARKUP: Unread =
    is("HTML or XML", "name the file itself; a page may stand where a download failed");
pub(super) static WORKBOOK: Unread = is("an Excel workbook", AS_CSV);
pub(super) static ARRAYS: Unread = is("an archive of NumPy arrays", AS_PARQUET);

/// The format that the first bytes of a file show.
pub(super) fn by_bytes(head: &[u8]) -> Option<&'static Unread> {
    let is = |(at, magic, _): &&(usize, &[u8], Unread)| {
        head.get(*at..).is_some_and(|rest| rest.starts_with(magic))
    };
    BY_BYTES.iter().find(is).map(|(.., unread)| unread)
}

/// The format that the first words of a text show.
pub(super) fn by_words(text: &str) -> Option<&'static Unread> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match text.chars().next() {
        Some('{') if text.chars().take(400).collect::<String>().contains("\"learner\"") => {
            Some(&XGBOOST)
        }
        Some('{' | '[') => Some(&JSON),
        Some('<') => Some(&MARKUP),
        _ => None,
    }
}
