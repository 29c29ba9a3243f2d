//! The codes of errors in reading, writing and using tables.

use super::{Code, Coded};
use factord_quant::audit::AuditError;
use factord_quant::content::ContentError;
use factord_quant::evaluate::EvaluateError;
use factord_quant::score::ScoreError;
use factord_quant::table::{OutputError, TableError};
use factord_quant::trades::TradesError;
use factord_quant::train::TrainError;
use std::io;

impl Coded for OutputError {
    fn code(&self) -> Code {
        match self {
            OutputError::Create { error, .. } => Code::of_creating(error),
            // Whoever read it has seen enough.
            OutputError::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe => {
                Code::Ok
            }
            OutputError::Write { .. } => Code::Io,
        }
    }
}

impl Coded for ScoreError {
    fn code(&self) -> Code {
        match self {
            ScoreError::Table(error) => error.code(),
            ScoreError::Header { .. } | ScoreError::Settings { .. } | ScoreError::Row { .. } => {
                Code::Data
            }
        }
    }
}

impl Coded for EvaluateError {
    fn code(&self) -> Code {
        match self {
            EvaluateError::Table(error) => error.code(),
            EvaluateError::NoLabels { .. } => Code::Usage,
            EvaluateError::NoPredictions { .. }
            | EvaluateError::Backwards { .. }
            | EvaluateError::Length { .. }
            | EvaluateError::Twice { .. }
            | EvaluateError::Nothing { .. } => Code::Data,
        }
    }
}

impl Coded for ContentError {
    fn code(&self) -> Code {
        match self {
            ContentError::Open { error, .. } => Code::of_reading(error),
            ContentError::Empty { .. }
            | ContentError::Unread { .. }
            | ContentError::Model { .. }
            | ContentError::Unknown { .. }
            | ContentError::Inside { .. }
            | ContentError::Several { .. }
            | ContentError::Damaged { .. }
            | ContentError::Pipe { .. } => Code::Data,
        }
    }
}

impl Coded for TableError {
    fn code(&self) -> Code {
        match self {
            TableError::Open { error, .. } => Code::of_reading(error),
            TableError::Read { .. } => Code::Io,
            TableError::Encode { .. } => Code::Internal,
            TableError::Output(error) => error.code(),
            TableError::Content(error) => error.code(),
            TableError::Packed { .. }
            | TableError::LongRow { .. }
            | TableError::Empty { .. }
            | TableError::Damaged { .. }
            | TableError::Pipe { .. }
            | TableError::NoHeader { .. }
            | TableError::NoColumn { .. }
            | TableError::Twice { .. }
            | TableError::Type { .. }
            | TableError::FieldCount { .. }
            | TableError::Missing { .. }
            | TableError::NotANumber { .. }
            | TableError::NoText { .. } => Code::Data,
        }
    }
}

impl Coded for TrainError {
    fn code(&self) -> Code {
        match self {
            TrainError::Settings { .. } => Code::Usage,
            TrainError::Table(error) => error.code(),
            TrainError::TablesDiffer { .. }
            | TrainError::ParentDiffers { .. }
            | TrainError::Backwards { .. }
            | TrainError::Window { .. }
            | TrainError::NotFinite { .. }
            | TrainError::TooFew { .. }
            | TrainError::ConstantTarget { .. }
            | TrainError::OneClass { .. }
            | TrainError::Separated { .. }
            | TrainError::Model { .. }
            | TrainError::Artifact { .. } => Code::Data,
            TrainError::Scratch { error, .. } => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                    Code::of_creating(error)
                }
                _ => Code::Io,
            },
            TrainError::Write { error, .. } => Code::of_creating(error),
        }
    }
}

impl Coded for TradesError {
    fn code(&self) -> Code {
        match self {
            TradesError::Table(error) => error.code(),
            TradesError::NoDate { .. } => Code::Usage,
            TradesError::Value { .. }
            | TradesError::Late { .. }
            | TradesError::NoPreset { .. }
            | TradesError::NoPosition { .. }
            | TradesError::Contracts { .. }
            | TradesError::NoOrders { .. }
            | TradesError::NoHeader { .. }
            | TradesError::Back { .. }
            | TradesError::PriceUnit { .. }
            | TradesError::TooMany { .. }
            | TradesError::Unit { .. }
            | TradesError::LongLine { .. } => Code::Data,
        }
    }
}

impl Coded for AuditError {
    fn code(&self) -> Code {
        match self {
            AuditError::Write { error, .. } => Code::of_creating(error),
            AuditError::Read { error, .. } => Code::of_reading(error),
            AuditError::Parquet { .. } | AuditError::Foreign { .. } => Code::Data,
            AuditError::Nothing { .. } => Code::NoInput,
            AuditError::Store(error) => error.code(),
        }
    }
}
