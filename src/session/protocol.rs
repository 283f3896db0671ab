//! Which of the two protocols a statement came by. Plain data.

/// The protocol of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Protocol {
    /// A Query.
    #[default]
    Simple,
    /// Parse, Bind and Execute: an error makes the target skip up to the next Sync.
    Extended,
}
