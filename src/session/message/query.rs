//! Query: how its text goes to the target, and what is settled behind it. Decides; may not send anything.

use super::subjects;
use super::text::{Text, changes, note};
use crate::catalog::Catalog;
use crate::policy::Settings;
use crate::rewrite::{Change, Rewrite};
use crate::session::ask::Delivery;
use crate::session::ask::settling::Settling;
use crate::session::context::Context;
use crate::session::decision::Decision;
use crate::session::pipeline::Pipeline;
use crate::session::prepared::Prepared;
use crate::session::replies::{Adjust, CopyStart, Expected, Request, Treatment};
use crate::session::report::Report;
use crate::wire::{self, TransactionStatus, tag};

/// A Query on its way to the target.
#[derive(Debug)]
pub(in crate::session) struct SentQuery {
    /// The frame that takes the place of the client's; `None` where that passes.
    pub(in crate::session) frame: Option<Vec<u8>>,
    /// What the target owes for it.
    pub(in crate::session) expected: Expected,
}

/// What is settled behind a Query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum SettledBehind {
    Nothing,
    /// The settings that it states, which hold once it is answered.
    Stated(Settings),
    /// What it has changed is asked for right behind it, by this delivery.
    Asked(Delivery),
    /// The same, in front of the client's next message.
    Later,
}

/// A Query of this text goes to the target; what is done to it is noted.
pub(in crate::session) fn send(
    text: &Text,
    body: &[u8],
    rewrite: &mut Rewrite,
    catalog: &Catalog,
    report: &mut Report,
    context: &Context,
) -> SentQuery {
    let sql = text.text(body);
    let applied = rewrite.apply(sql);
    let frame = match &applied {
        Some(sql) => Some(wire::with_body(tag::QUERY, &[sql, b"\0"])),
        None => text.shorter.as_ref().map(|body| wire::with_body(tag::QUERY, &[body])),
    };
    let positions = text.positions(body, rewrite, context);
    let treatment = match positions {
        None => Treatment::Pass,
        Some(positions) => Treatment::Adjust(Box::new(Adjust {
            positions: Some(positions),
            completions: std::mem::take(&mut rewrite.completions),
            refused: rewrite.refused.take(),
            ..Adjust::default()
        })),
    };
    let copies = std::mem::take(&mut rewrite.copies);
    let expected = Expected::with(Request::Query, treatment);
    let expected = expected.starting(CopyStart::Streams(copies.into()));
    let (prepared, changes) = Change::split_prepared(changes(text, rewrite));
    let mut expected = expected.preparing(prepared);
    if context.follows_own_words() {
        expected = expected.saying(text.words(body));
    }
    let expected = subjects::tell_query(expected, text, body, catalog, context);
    note(text, body, (changes, catalog.unread()), report, context);
    SentQuery { frame, expected }
}

/// What is settled behind this Query, for which the target owes `expected`; `is_owed` says that it owes more.
pub(in crate::session) fn settled_behind(
    text: &Text,
    expected: &Expected,
    is_owed: bool,
    pipeline: &Pipeline,
    (prepared, settling): (&Prepared, &Settling),
    context: &Context,
) -> SettledBehind {
    if !settling.is_due(text.effects()) {
        return SettledBehind::Nothing;
    }
    // Behind a pipeline the target may skip the text, and behind a COPY it takes nothing but rows.
    let is_certain = pipeline.is_certain(is_owed) && !expected.may_start_copy();
    if context.follows_own_words() || !is_certain {
        return SettledBehind::Later;
    }
    let may_be_open = is_owed || context.status == TransactionStatus::Open;
    if let Some(settings) = text.stated(context).filter(|_| may_be_open) {
        return SettledBehind::Stated(settings);
    }
    // A Query of ours would destroy what the client's may leave when it fails early.
    let by_group = prepared.has_unnamed();
    SettledBehind::Asked(if by_group { Delivery::Group } else { Delivery::Query })
}

/// A Query goes to the target: it ends the unnamed statement and the pipeline.
pub(in crate::session) fn note_sent(
    prepared: &mut Prepared,
    pipeline: &mut Pipeline,
    is_owed: bool,
) {
    prepared.on_query();
    pipeline.note_query(is_owed);
}

/// The Query with this body goes on: as `frame` or as it stands, with what settles behind it.
pub(in crate::session) fn goes(
    frame: Option<Vec<u8>>,
    body: &[u8],
    behind: Option<Vec<u8>>,
) -> Decision {
    let Some(behind) = behind else {
        return match frame {
            None => Decision::pass(),
            frame => Decision::send(None, frame),
        };
    };
    let mut frames = frame.unwrap_or_else(|| wire::with_body(tag::QUERY, &[body]));
    frames.extend(behind);
    Decision::send(None, Some(frames))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::context::tests::context;
    use crate::statement::AliasTypes;

    /// What is settled behind a text.
    fn behind(
        sql: &str,
        status: TransactionStatus,
        is_owed: bool,
        pipelined: &[u8],
    ) -> SettledBehind {
        let mut context = context("");
        context.status = status;
        let mut body = format!("{sql}\0").into_bytes();
        let (mut waiting, mut aliases) = (None, AliasTypes::default());
        let mut report = Report::default();
        let text =
            Text::take(&mut waiting, &mut aliases, tag::QUERY, &mut body, &mut report, &context);
        let (mut pipeline, mut prepared) = (Pipeline::default(), Prepared::new(1000));
        pipelined.iter().for_each(|tag| pipeline.note_sent(*tag));
        if pipelined.contains(&tag::PARSE) {
            prepared.note_parse(b"");
        }
        let (expected, settling) = (Expected::new(Request::Query), Settling::default());
        let parts = (&prepared, &settling);
        settled_behind(&text.unwrap(), &expected, is_owed, &pipeline, parts, &context)
    }

    #[test]
    fn what_a_text_changes_is_settled_where_it_is_certain() {
        use TransactionStatus::{Idle, Open};
        const SET: &str = "SET dms.rewrite = off";
        assert_eq!(behind("SELECT 1", Idle, false, b""), SettledBehind::Nothing);
        assert_eq!(behind(SET, Idle, false, b""), SettledBehind::Asked(Delivery::Query));
        assert_eq!(behind(SET, Idle, false, b"P"), SettledBehind::Asked(Delivery::Group));
        assert_eq!(behind(SET, Idle, true, b"PBE"), SettledBehind::Later);
        assert!(matches!(behind(SET, Open, false, b""), SettledBehind::Stated(_)));
        assert!(matches!(behind(SET, Idle, true, b""), SettledBehind::Stated(_)));
        let several = "SET dms.rewrite = off; SELECT 1";
        assert_eq!(behind(several, Open, false, b""), SettledBehind::Asked(Delivery::Query));
    }

    #[test]
    fn what_settles_goes_behind_the_query() {
        let frame = |decision| match decision {
            Decision::Pass(None) => None,
            Decision::Send(sent) => match sent.passing {
                crate::session::decision::Passing::Replaced(frame) => Some(frame),
                _ => panic!("it goes in its place"),
            },
            _ => panic!("it goes on"),
        };
        assert_eq!(frame(goes(None, b"a\0", None)), None);
        assert_eq!(frame(goes(None, b"a\0", Some(b"S".into()))).unwrap(), b"Q\0\0\0\x06a\0S");
        assert_eq!(frame(goes(Some(b"Q".into()), b"a\0", Some(b"S".into()))).unwrap(), b"QS");
    }
}
