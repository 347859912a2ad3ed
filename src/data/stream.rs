//! Which documents: for learning, for measuring, or with pairs that were never learned.

/// An endless sequence of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// What a model learns from.
    Train,
    /// Other documents over the same pairs of labels.
    Validation,
    /// Documents whose character was never in their place in the other two.
    HeldOut,
}
