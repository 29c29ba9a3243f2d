//! Exit codes: the one table of what the process reports to the shell, with the values of BSD's
//! `sysexits.h`. Errors say which code they end the process with through [`Coded`]; everything
//! that says so is in this module.

mod tables;

use crate::config::ConfigError;
use crate::control::ReloadError;
use crate::control::listener::ListenError;
use crate::daemon::ServeError;
use crate::http::HttpError;
use crate::measure::engine::EngineError;
use crate::measure::floor::FloorError;
use crate::measure::stream::StreamError;
use factord_core::channel::{AttachError, CommandError, Refusal};
use factord_core::client::PredictError;
use factord_factors::SettingsError;
use factord_models::catalogue::CatalogueError;
use factord_models::file::ArtifactFileError;
use factord_models::import::ImportFileError;
use factord_models::store::StoreError;
use factord_quant::simulate;
use std::io;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Everything asked for was done.
    Ok = 0,
    /// A check did not hold, or some of the rows were bad under `--keep-going`.
    Failed = 1,
    /// The command line was wrong.
    Usage = 64,
    /// An input file, artifact, pickle or number was malformed.
    Data = 65,
    /// An input file is not there or cannot be opened.
    NoInput = 66,
    /// The daemon cannot be reached, refused the client, or its address is in use.
    Unavailable = 69,
    /// A mistake in factord itself.
    Internal = 70,
    /// The system refused something factord needs, such as memory for a region.
    Os = 71,
    /// An output file cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed on the way.
    Io = 74,
    /// A deadline passed, or the engine went away: trying again may work.
    Temporary = 75,
    /// The system or the daemon says that this user does not have permission.
    Permission = 77,
    /// A configuration file or an environment variable was wrong.
    Config = 78,
}

impl Code {
    /// All codes in numerical order.
    pub const ALL: [Code; 13] = [
        Code::Ok,
        Code::Failed,
        Code::Usage,
        Code::Data,
        Code::NoInput,
        Code::Unavailable,
        Code::Internal,
        Code::Os,
        Code::CannotCreate,
        Code::Io,
        Code::Temporary,
        Code::Permission,
        Code::Config,
    ];

    /// The number the shell sees.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What the number means, for `--help` and `docs/exit-codes.md`.
    pub fn meaning(self) -> &'static str {
        match self {
            Code::Ok => "everything asked for was done",
            Code::Failed => "a check failed, or rows were bad under --keep-going",
            Code::Usage => "the command line was wrong",
            Code::Data => "an input file, artifact, pickle or number is malformed",
            Code::NoInput => "an input file does not exist or cannot be opened",
            Code::Unavailable => "daemon not reachable or refusing, or the address is in use",
            Code::Internal => "a bug in factord itself",
            Code::Os => "the system refused a resource, such as memory for a region",
            Code::CannotCreate => "an output file cannot be created",
            Code::Io => "reading or writing failed partway",
            Code::Temporary => "a deadline passed or the engine went away: try again",
            Code::Permission => "this user does not have permission",
            Code::Config => "a configuration file or environment variable is wrong",
        }
    }

    /// The code for a file that could not be opened or read.
    pub fn of_reading(error: &io::Error) -> Code {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => Code::NoInput,
            io::ErrorKind::PermissionDenied => Code::Permission,
            io::ErrorKind::InvalidData => Code::Data,
            _ => Code::Io,
        }
    }

    /// The code for a file that could not be created.
    pub fn of_creating(error: &io::Error) -> Code {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Code::Permission,
            // Met on the way, whatever the file was being made for.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::Io,
            _ => Code::CannotCreate,
        }
    }
}

/// The table as it stands in `factord --help`.
pub fn table() -> String {
    let mut text = String::from("Exit codes:\n");
    for code in Code::ALL {
        text.push_str(&format!("  {:>2}  {}\n", code.number(), code.meaning()));
    }
    text
}

/// An error that knows the code the process ends with.
pub trait Coded {
    /// The code.
    fn code(&self) -> Code;
}

impl Coded for AttachError {
    fn code(&self) -> Code {
        match self {
            AttachError::Refused(Refusal::NotAllowed { .. } | Refusal::NotPermitted { .. })
            | AttachError::Forbidden { .. }
            | AttachError::Untrusted { .. } => Code::Permission,
            AttachError::Refused(Refusal::Geometry { .. }) => Code::Data,
            AttachError::Refused(Refusal::NoMemory { .. }) => Code::Os,
            AttachError::Refused(Refusal::Busy | Refusal::TooMany { .. })
            | AttachError::Deadline
            | AttachError::Unsettled => Code::Temporary,
            AttachError::Unreachable { .. }
            | AttachError::Refused(_)
            | AttachError::Abi { .. }
            | AttachError::Open(_)
            | AttachError::Protocol { .. }
            | AttachError::HungUp { .. }
            | AttachError::Io(_) => Code::Unavailable,
        }
    }
}

impl Coded for CommandError {
    fn code(&self) -> Code {
        match self {
            CommandError::Attach(error) => error.code(),
            CommandError::Failed(_) => Code::Failed,
        }
    }
}

impl Coded for PredictError {
    fn code(&self) -> Code {
        match self {
            PredictError::BadInput | PredictError::WidthMismatch => Code::Data,
            PredictError::UnknownModel | PredictError::WrongClass | PredictError::OtherVersion => {
                Code::Usage
            }
            PredictError::BackPressure | PredictError::Deadline | PredictError::NotFetched => {
                Code::Temporary
            }
            PredictError::NotConnected => Code::Unavailable,
            PredictError::EchoMismatch => Code::Internal,
        }
    }
}

impl Coded for ArtifactFileError {
    fn code(&self) -> Code {
        match self {
            ArtifactFileError::Read { error, .. } => Code::of_reading(error),
            ArtifactFileError::Invalid { .. } => Code::Data,
            ArtifactFileError::Write { error, .. } => Code::of_creating(error),
        }
    }
}

impl Coded for ImportFileError {
    fn code(&self) -> Code {
        match self {
            ImportFileError::Read { error, .. } => Code::of_reading(error),
            ImportFileError::Invalid { .. } | ImportFileError::Stats { .. } => Code::Data,
        }
    }
}

impl Coded for CatalogueError {
    fn code(&self) -> Code {
        match self {
            CatalogueError::Directory { error, .. } => Code::of_reading(error),
            CatalogueError::Empty { .. } | CatalogueError::NotBuiltIn { .. } => Code::NoInput,
            CatalogueError::TooMany { .. }
            | CatalogueError::DuplicateName { .. }
            | CatalogueError::OtherName { .. }
            | CatalogueError::WrongKind { .. } => Code::Data,
            CatalogueError::Store(error) => error.code(),
            CatalogueError::Artifact(error) => error.code(),
            CatalogueError::Import(error) => error.code(),
        }
    }
}

impl Coded for StoreError {
    fn code(&self) -> Code {
        match self {
            StoreError::Io { error, .. } => Code::of_creating(error),
            StoreError::NoStore { .. }
            | StoreError::Version { .. }
            | StoreError::NotServed { .. } => Code::NoInput,
            StoreError::Busy { .. } => Code::Temporary,
            StoreError::Ledger { .. }
            | StoreError::Deployment { .. }
            | StoreError::Object { .. }
            | StoreError::SameFingerprint { .. }
            | StoreError::Split { .. }
            | StoreError::Shadows { .. }
            | StoreError::Canary { .. } => Code::Data,
            StoreError::Artifact(error) => error.code(),
            StoreError::Pinned { .. }
            | StoreError::UnderWay { .. }
            | StoreError::Changed { .. }
            | StoreError::NothingBefore { .. }
            | StoreError::Full(_) => Code::Failed,
        }
    }
}

impl Coded for ServeError {
    fn code(&self) -> Code {
        match self {
            ServeError::Listen(ListenError::InUse { .. }) => Code::Unavailable,
            ServeError::Listen(ListenError::Locked { .. }) => Code::Unavailable,
            ServeError::Listen(ListenError::Untrusted { .. }) => Code::Permission,
            ServeError::Listen(ListenError::TooLong { .. }) => Code::Config,
            ServeError::Listen(ListenError::InTheWay { .. }) => Code::CannotCreate,
            ServeError::Listen(ListenError::Io { source, .. }) => Code::of_creating(source),
            ServeError::Models(ReloadError::Catalogue(error)) => error.code(),
            ServeError::Models(
                ReloadError::SameCheck { .. }
                | ReloadError::SameFingerprint { .. }
                | ReloadError::TooCostly { .. },
            ) => Code::Data,
            ServeError::SharedCore { .. } => Code::Usage,
            ServeError::Models(_) => Code::Internal,
            ServeError::Memory(_) | ServeError::NoProc(_) | ServeError::Io(_) => Code::Os,
            ServeError::Passed(_) => Code::Config,
            ServeError::Core { .. } => Code::Config,
            ServeError::Sidecar { code, .. } | ServeError::Companion { code, .. } => {
                let same = |known: &Code| Some(i32::from(known.number())) == *code;
                Code::ALL.into_iter().find(same).unwrap_or(Code::Unavailable)
            }
            ServeError::Thread { .. } => Code::Internal,
        }
    }
}

impl Coded for FloorError {
    fn code(&self) -> Code {
        match self {
            FloorError::Io(_) | FloorError::Open(_) => Code::Os,
            FloorError::Starved { .. } => Code::Temporary,
        }
    }
}

impl Coded for EngineError {
    fn code(&self) -> Code {
        match self {
            EngineError::Io(_) => Code::Os,
            EngineError::Ended { .. } => Code::Unavailable,
            EngineError::Deadline => Code::Temporary,
        }
    }
}

impl Coded for StreamError {
    fn code(&self) -> Code {
        match self {
            StreamError::Predict(error) => error.code(),
            StreamError::Differs { .. } => Code::Internal,
        }
    }
}

impl Coded for simulate::SettingsError {
    fn code(&self) -> Code {
        Code::Usage
    }
}

impl Coded for SettingsError {
    fn code(&self) -> Code {
        Code::Usage
    }
}

impl Coded for ConfigError {
    fn code(&self) -> Code {
        match self {
            ConfigError::Read { error, .. } => Code::of_reading(error),
            ConfigError::NoModels { .. } => Code::NoInput,
            ConfigError::TooLong { .. }
            | ConfigError::File { .. }
            | ConfigError::Environment { .. }
            | ConfigError::NotText { .. }
            | ConfigError::Needs { .. }
            | ConfigError::TooManyUids { .. } => Code::Config,
        }
    }
}

impl Coded for HttpError {
    fn code(&self) -> Code {
        match self {
            HttpError::Listen { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Code::Permission
            }
            HttpError::Listen { .. } => Code::Unavailable,
            HttpError::Io(_) | HttpError::Server(_) => Code::Os,
            HttpError::ServerEnded => Code::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    }

    #[test]
    fn a_full_disk_has_one_code_whatever_met_it() {
        let of = |kind: io::ErrorKind| Code::of_creating(&kind.into());
        assert_eq!(of(io::ErrorKind::StorageFull), Code::Io);
        assert_eq!(of(io::ErrorKind::NotFound), Code::CannotCreate);
        assert_eq!(of(io::ErrorKind::PermissionDenied), Code::Permission);
    }

    #[test]
    fn the_table_names_every_code() {
        let table = table();
        for code in Code::ALL {
            assert!(table.contains(&format!("{:>2}  {}", code.number(), code.meaning())));
        }
    }
}
