//! What differs by design where rows are set aside: each is left out of sequences, or is not compared. The page about rows
//! that are set aside tells of them.

/// A difference to the server directly.
pub struct ByDesign {
    pub name: &'static str,
    pub how: How,
    /// Why it is one, and the words of `docs/set-aside.md` that say so.
    pub why: &'static str,
    pub told: &'static str,
}

/// How it is kept from hiding others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// No sequence has what leads to it.
    LeftOut,
    /// These parts of replies are not compared.
    Masked,
}

use How::{LeftOut, Masked};

/// The policies with which these differences come.
pub const POLICIES: &str = "aside";

pub const BY_DESIGN: [ByDesign; 14] = [
    ByDesign {
        name: "deferred",
        how: LeftOut,
        why: "a deferred trigger that fails does so in its statement, or behind each batch",
        told: "deferred constraints are looked at in each",
    },
    ByDesign {
        name: "chain",
        how: LeftOut,
        why: "a transaction that has failed goes back to a savepoint, so what it was begun with holds in the next one",
        told: "AND CHAIN behind a failed statement keeps READ ONLY",
    },
    ByDesign {
        name: "commits",
        how: LeftOut,
        why: "a pipeline runs in a transaction block",
        told: "procedures that commit are refused in it (2D000)",
    },
    ByDesign {
        name: "unnamed-behind-copy",
        how: LeftOut,
        why: "a COPY goes on as simple queries, which end the unnamed statement and portal",
        told: "leaves no unnamed statement and portal behind",
    },
    ByDesign {
        name: "given-up-rows",
        how: LeftOut,
        why: "rows go on in batches, so whether the target refuses one before the COPY is given up is a matter of time",
        told: "a COPY that the client gives up may end with the error of a row",
    },
    ByDesign {
        name: "cut-rows",
        how: LeftOut,
        why: "a row goes on when it is whole, and an error in a stream that never ends comes at the end",
        told: "of a row that is cut short the error comes when the client ends the COPY",
    },
    ByDesign {
        name: "taken-portals",
        how: LeftOut,
        why: "what needs a transaction block fails outside of that of its pipeline, where portals of it are gone",
        told: "its portal has a name which is taken is not noticed",
    },
    ByDesign {
        name: "broken-frame",
        how: LeftOut,
        why: "the target is asked how it stands before the message that cannot be one gets there",
        told: "answers that the server would have kept may come before it ends the session",
    },
    ByDesign {
        name: "spelling-of-texts",
        how: LeftOut,
        why: "statements of one text go one by one, so what cannot be read in a later one is refused behind the answer to \
              the one before it; nothing of the text stays either way",
        told: "a text whose later statement cannot be read fails at that statement",
    },
    ByDesign {
        name: "parameters",
        how: Masked,
        why: "a transaction goes back to a savepoint first, or ends later, so settings are told at another time, \
              or there and back; what they are in the end is compared",
        told: "are told to the client at another time",
    },
    ByDesign {
        name: "block-warnings",
        how: Masked,
        why: "a pipeline runs in a transaction block, in which there is nothing to warn of",
        told: "bring no warning",
    },
    ByDesign {
        name: "warnings-of-texts",
        how: Masked,
        why: "statements of one text go one by one, so the target warns of the spelling of a later one (22P06) behind the \
              answer to the one before it",
        told: "what the server warns of while it reads a text comes with each statement",
    },
    ByDesign {
        name: "block-refusals",
        how: Masked,
        why: "in a transaction block another text says what cannot run (25001)",
        told: "what cannot run in a pipeline is refused as in a transaction (25001)",
    },
    ByDesign {
        name: "given-up-context",
        how: Masked,
        why: "the target has not seen the rows that are held when the client gives up or breaks off (57014, 08P01)",
        told: "may name another line, or none",
    },
];

/// Whether this differs with these policies, in this way.
fn differs(policies: &str, name: &str, how: How) -> bool {
    let known = BY_DESIGN.iter().find(|differs| differs.name == name && differs.how == how);
    assert!(known.is_some(), "{name:?} is not among the differences by design that are {how:?}");
    policies == POLICIES
}

/// Whether sequences for these policies go without it.
pub fn is_left_out(policies: &str, name: &str) -> bool {
    differs(policies, name, LeftOut)
}

/// Whether settings are compared by what they are in the end.
pub fn compares_last_settings(policies: &str) -> bool {
    differs(policies, "parameters", Masked)
}

/// A reply as it is compared; `None` if it is not.
pub fn compared(policies: &str, line: String) -> Option<String> {
    let has_code = |code: &str| line.contains(&format!(" C=\"{code}\""));
    let is = |kind: &str| line.starts_with(kind);
    if is("NoticeResponse") && has_code("25P01") && differs(policies, "block-warnings", Masked) {
        return None;
    }
    let warns = is("NoticeResponse") && has_code("22P06");
    if warns && differs(policies, "warnings-of-texts", Masked) {
        return None;
    }
    if is("ErrorResponse") && has_code("25001") && differs(policies, "block-refusals", Masked) {
        return Some("ErrorResponse C=\"25001\"".to_owned());
    }
    let is_given_up = is("ErrorResponse") && (has_code("57014") || has_code("08P01"));
    if is_given_up && differs(policies, "given-up-context", Masked) {
        return Some(line.split(" W=\"").next().unwrap_or_default().to_owned());
    }
    Some(line)
}

#[test]
fn users_are_told_of_what_is_not_compared() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/set-aside.md");
    let page = std::fs::read_to_string(path).unwrap();
    let page: Vec<&str> = page.split_whitespace().collect();
    let page = page.join(" ");
    for ByDesign { name, told, why, .. } in &BY_DESIGN {
        assert!(page.contains(told), "{name} ({why}): the page does not say {told:?}");
    }
}

#[test]
fn replies_are_compared_without_what_differs_by_design() {
    let compared = |policies, line: &str| compared(policies, line.to_owned());
    let warning = "NoticeResponse S=\"WARNING\" C=\"25P01\" M=\"x\"";
    assert_eq!(compared("default", warning).as_deref(), Some(warning));
    assert_eq!(compared("aside", warning), None);
    let failure = "ErrorResponse S=\"ERROR\" C=\"57014\" M=\"x\" W=\"COPY t, line 1\"";
    assert_eq!(compared("default", failure).as_deref(), Some(failure));
    let without = "ErrorResponse S=\"ERROR\" C=\"57014\" M=\"x\"";
    assert_eq!(compared("aside", failure).as_deref(), Some(without));
    let other = "ErrorResponse S=\"ERROR\" C=\"23505\" M=\"x\" W=\"COPY t, line 1\"";
    assert_eq!(compared("aside", other).as_deref(), Some(other));
}
