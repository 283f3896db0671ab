//! What sources of a query say about a column, and the one name that comes of it.

use super::relations::Place;
use super::{Placed, RenamedText, Unplaced};

/// What sources say about a column.
#[derive(Debug, Default)]
pub(super) struct NamesFound {
    /// Its names on the target, where a source has it for certain.
    pub(super) certain: Vec<String>,
    /// Its names, where a source may have it.
    pub(super) possible: Vec<String>,
    /// The rule by which it does not reach the target, where a source may have it at the client's end.
    pub(super) removed: Option<String>,
    /// Relations whose columns would decide it.
    pub(super) undecided: Vec<Place>,
}

impl NamesFound {
    pub(super) fn certain(name: impl Into<String>) -> NamesFound {
        NamesFound { certain: vec![name.into()], ..NamesFound::default() }
    }

    pub(super) fn possible(name: impl Into<String>) -> NamesFound {
        NamesFound { possible: vec![name.into()], ..NamesFound::default() }
    }

    pub(super) fn add(&mut self, other: NamesFound) {
        for (all, new) in [(&mut self.certain, other.certain), (&mut self.possible, other.possible)]
        {
            for name in new {
                if !all.contains(&name) {
                    all.push(name);
                }
            }
        }
        self.removed = self.removed.take().or(other.removed);
        self.undecided.extend(other.undecided);
    }
}

impl RenamedText<'_> {
    /// The one name that was found, if it is one.
    pub(super) fn decided(
        &mut self,
        token: u32,
        found: NamesFound,
        source: &str,
    ) -> Placed<String> {
        let mut all = found.certain.iter().chain(&found.possible);
        let is_removed = found.removed.is_some() && found.certain.is_empty();
        if is_removed || all.next().is_some_and(|first| all.any(|name| name != first)) {
            for place in &found.undecided {
                if self.catalog.relation(&place.key()).is_none() {
                    let _ = self.need(place.key());
                }
            }
            if !self.needs.is_empty() {
                return Err(Unplaced::Ask);
            }
        }
        if let Some(origin) = found.removed.filter(|_| is_removed) {
            return Err(self.uses_removed(token, &origin));
        }
        let mut names = if found.certain.is_empty() { found.possible } else { found.certain };
        if names.len() <= 1 {
            return Ok(names.pop().unwrap_or_else(|| source.to_owned()));
        }
        let list: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let what = format!("may become {}", list.join(" or "));
        let hint = "Write it with the table or alias that it belongs to.";
        Err(self.refusal(token, &what, hint))
    }
}
