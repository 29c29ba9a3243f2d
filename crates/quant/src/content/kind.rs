//! [`Kind`]: what bytes are.

use super::encoding::Encoding;
use super::packing::Packing;
use super::unread::{self, Unread};
use factord_models::file::MAGIC;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, which may be a table.
    Text(Encoding),
    /// Parquet.
    Parquet,
    /// An Arrow file, which Feather of version 2 is.
    Arrow,
    /// A stream of Arrow messages.
    ArrowStream,
    /// A file that holds another.
    Packed(Packing),
    /// A model.
    Model(ModelKind),
    /// A known format that is not read.
    Unread(&'static Unread),
    /// Neither text nor of a known format; its first bytes in hexadecimal.
    Unknown(String),
}

/// Which kind of model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// factord's own artifact.
    Artifact,
    /// A Python pickle.
    Pickle,
    /// A pickle that joblib wrote.
    Joblib,
    /// ONNX.
    Onnx,
    /// LightGBM's text.
    LightGbm,
}

impl ModelKind {
    /// What it is, as in `it is a Python pickle`.
    pub fn name(self) -> &'static str {
        match self {
            ModelKind::Artifact => "a model artifact of factord",
            ModelKind::Pickle => "a Python pickle",
            ModelKind::Joblib => "a joblib dump",
            ModelKind::Onnx => "an ONNX model",
            ModelKind::LightGbm => "a LightGBM model",
        }
    }

    /// The commands that take it.
    pub fn way(self) -> &'static str {
        match self {
            ModelKind::Artifact => "factord check, score --model, model show and serve take it",
            ModelKind::Pickle | ModelKind::Joblib => {
                "factord import takes it if it holds a model; a table of pandas is written with \
                 to_parquet"
            }
            ModelKind::Onnx | ModelKind::LightGbm => "factord import takes it",
        }
    }
}

impl Kind {
    /// What a file is that starts with these bytes, at least one.
    pub fn of(head: &[u8]) -> Kind {
        if head.starts_with(b"PAR1") {
            return Kind::Parquet;
        }
        if head.starts_with(b"ARROW1") {
            return Kind::Arrow;
        }
        if let Some(packing) = Packing::of(head) {
            return Kind::Packed(packing);
        }
        if let Some(model) = model(head) {
            return Kind::Model(model);
        }
        if let Some(unread) = unread::by_bytes(head) {
            return Kind::Unread(unread);
        }
        if is_arrow_stream(head) {
            return Kind::ArrowStream;
        }
        match Encoding::of(head) {
            Some(encoding) => match unread::by_words(&encoding.text(head)) {
                Some(unread) => Kind::Unread(unread),
                None => Kind::Text(encoding),
            },
            None => {
                let bytes: Vec<String> =
                    head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                Kind::Unknown(bytes.join(" "))
            }
        }
    }

    /// What it is, in words, as in `it is Parquet`.
    pub fn name(&self) -> String {
        match self {
            Kind::Text(encoding) => format!("text, {}", encoding.name()),
            Kind::Parquet => "Parquet".to_owned(),
            Kind::Arrow => "an Arrow file (Feather)".to_owned(),
            Kind::ArrowStream => "an Arrow stream".to_owned(),
            Kind::Packed(packing) => packing.name().to_owned(),
            Kind::Model(model) => model.name().to_owned(),
            Kind::Unread(unread) => unread.name.to_owned(),
            Kind::Unknown(bytes) => format!("unknown: its first bytes are {bytes}"),
        }
    }
}

/// The model that the first bytes show.
fn model(head: &[u8]) -> Option<ModelKind> {
    let has = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    match head {
        _ if head.starts_with(&MAGIC) => Some(ModelKind::Artifact),
        [0x80, 2..=5, ..] if has(b"joblib.numpy_pickle") => Some(ModelKind::Joblib),
        [0x80, 2..=5, ..] => Some(ModelKind::Pickle),
        // joblib packs with zlib by default.
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(ModelKind::Joblib),
        [b't', b'r', b'e', b'e', b'\n' | b'\r', ..] if has(b"\nversion=") => {
            Some(ModelKind::LightGbm)
        }
        // A message whose first field is the number of ONNX's version, followed by a text or a
        // message.
        [8, 1..=31, 0x12 | 0x1a | 0x22 | 0x32 | 0x3a | 0x42, ..] => Some(ModelKind::Onnx),
        _ => None,
    }
}

/// The mark of a message, its length, and a table of flatbuffers.
fn is_arrow_stream(head: &[u8]) -> bool {
    let Some((mark, rest)) = head.split_first_chunk::<4>() else { return false };
    let Some(len) = rest.first_chunk::<4>() else { return false };
    *mark == [0xff; 4] && (8..1 << 24).contains(&u32::from_le_bytes(*len))
}
