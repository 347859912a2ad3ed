//! The crate's one error type: a variant for each thing a caller can tell apart.

use std::fmt;

/// The crate's result; the error defaults to [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. Each variant holds what was found and what was expected.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An option is out of range or of the wrong kind.
    Option {
        /// The option's name, as the caller wrote it.
        name: &'static str,
        /// The value that was given.
        found: String,
        /// The values that are possible.
        expected: String,
    },
    /// The prompt cannot be used.
    Prompt {
        /// What was given.
        found: String,
        /// What is possible.
        expected: String,
    },
    /// `manifest.json` is not a manifest of this format.
    Manifest {
        /// What is wrong with it.
        reason: String,
    },
    /// A file's size or SHA-256 is not what the manifest says.
    Integrity {
        /// The file's name in the manifest.
        file: String,
        /// The size or hash that arrived.
        found: String,
        /// The size or hash in the manifest.
        expected: String,
    },
    /// A verified file of the model cannot be used.
    Model {
        /// The file's name in the manifest.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes are not a snapshot of a run of this model.
    Snapshot {
        /// What is wrong with them.
        reason: String,
    },
    /// A line of a data or prompt file cannot be used.
    Data {
        /// The file's path.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The field within the line.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Training stopped before a step that would have spoiled the weights.
    Diverged {
        /// The step, counted from 1, that was not made.
        step: usize,
        /// What was found, and what was expected.
        reason: String,
    },
    /// The operating system refused a file operation.
    Io {
        /// The path it was about.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no GPU to compute on, or one that cannot be used.
    Adapter {
        /// The adapter that was found.
        found: String,
        /// What is needed, and what can be done.
        expected: String,
    },
    /// The GPU has no room.
    OutOfMemory {
        /// What was asked for, with its bytes.
        what: String,
    },
    /// The GPU went away in the middle of work. What it held is gone; a run can go on from its last
    /// snapshot on a new device.
    DeviceLost {
        /// What the system says of it.
        reason: String,
    },
    /// An invariant of our own does not hold: a bug.
    Internal {
        /// Which one.
        reason: String,
    },
}

impl Error {
    /// The stable code of this error, the same as in JavaScript.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Option { .. } => "invalid-option",
            Error::Prompt { .. } => "invalid-prompt",
            Error::Manifest { .. } => "invalid-manifest",
            Error::Integrity { .. } => "integrity",
            Error::Model { .. } => "invalid-model",
            Error::Snapshot { .. } => "invalid-snapshot",
            Error::Data { .. } => "invalid-data",
            Error::Diverged { .. } => "diverged",
            Error::Io { .. } => "io",
            Error::Adapter { .. } => "unsupported",
            Error::OutOfMemory { .. } => "out-of-memory",
            Error::DeviceLost { .. } => "device-lost",
            Error::Internal { .. } => "internal",
        }
    }

    /// An [`Error::Io`] about `path`.
    pub fn io(path: impl AsRef<std::path::Path>, source: std::io::Error) -> Self {
        Error::Io { path: path.as_ref().display().to_string(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Option { name, found, expected } => {
                write!(f, "option `{name}` is {found}; expected {expected}")
            }
            Error::Prompt { found, expected } => {
                write!(f, "the prompt is {found}; expected {expected}")
            }
            Error::Manifest { reason } => write!(f, "manifest.json cannot be used: {reason}"),
            Error::Integrity { file, found, expected } => write!(
                f,
                "{file} is not the file that the manifest names: found {found}, expected {expected}; download it again"
            ),
            Error::Model { file, reason } => write!(f, "{file} cannot be used: {reason}"),
            Error::Snapshot { reason } => write!(f, "the snapshot cannot be used: {reason}"),
            Error::Data { file, line, field, reason } => {
                write!(f, "{file}, line {line}, field `{field}`: {reason}")
            }
            Error::Diverged { step, reason } => write!(f, "training stopped before step {step}: {reason}"),
            Error::Io { path, .. } => write!(f, "cannot read or write {path}"),
            Error::Adapter { found, expected } => write!(f, "the GPU is {found}; expected {expected}"),
            Error::OutOfMemory { what } => {
                write!(f, "the GPU has no room for {what}; close other programs that use it, or use a smaller model")
            }
            Error::DeviceLost { reason } => {
                write!(f, "the GPU was lost ({reason}); load the model again and go on from the last snapshot")
            }
            Error::Internal { reason } => write!(f, "internal error: {reason}; please report it"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
