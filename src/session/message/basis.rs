//! What a message is judged by, besides the message. Plain data.

use crate::catalog::Moment;
use crate::session::ask::parking::{Parking, Tried};
use crate::session::ask::settling::Settling;
use crate::session::context::Context;

/// What a text is judged by, besides the text.
#[derive(Clone, Copy)]
pub(in crate::session) struct Basis<'b> {
    pub(in crate::session) context: &'b Context,
    pub(in crate::session) parking: &'b Parking,
    pub(in crate::session) settling: &'b Settling,
    pub(in crate::session) tried: Tried,
    pub(in crate::session) now: Moment,
}
