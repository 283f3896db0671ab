//! Which questions about its catalogs a target answers: the first one that is asked outside of a transaction tries
//! it, and one of its own comes in front of a transaction where none was asked before. What the target refuses is
//! remembered for all sessions and never asked again.

use super::role::is_passing;
use crate::catalog::{Answers, Catalog, CatalogQuestion};
use crate::session::Common;
use crate::wire::Failure;

/// The question that tries what the target answers, where no session has tried it.
pub(in crate::session) fn question(common: &Common) -> Option<CatalogQuestion> {
    let is_tried = common.answers().is_some();
    CatalogQuestion::trial(Answers::All).filter(|_| !is_tried)
}

/// The target has answered to the first question. Gives what is asked in its place.
pub(in crate::session) fn on_answer(
    question: &CatalogQuestion,
    failure: Option<&Failure>,
    catalog: &mut Catalog,
    common: &Common,
) -> Option<CatalogQuestion> {
    let next = less(question, failure, common);
    catalog.set_answers(common.answers().unwrap_or_default());
    next
}

fn less(
    question: &CatalogQuestion,
    failure: Option<&Failure>,
    common: &Common,
) -> Option<CatalogQuestion> {
    let (answers, subjects) = match question {
        CatalogQuestion::Relations(subjects) => (Answers::All, subjects),
        CatalogQuestion::Columns(subjects) => (Answers::Columns, subjects),
        _ => return None,
    };
    let Some(failure) = failure else {
        common.set_answers(answers);
        return None;
    };
    if is_passing(failure) {
        return None;
    }
    tracing::warn!(
        event = "catalog_not_answered",
        sqlstate = failure.sqlstate,
        "the target does not answer a question about its catalogs, which is not asked again: {}",
        failure.logged()
    );
    let next = CatalogQuestion::about(subjects.clone(), answers.less());
    if next.is_none() {
        common.set_answers(answers.less());
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_remembered() {
        let refused = |sqlstate: &str| Failure { sqlstate: sqlstate.into(), message: "no".into() };
        let common = Common::new([0; 16], String::new());
        let whole = question(&common).unwrap();
        assert_eq!(less(&whole, Some(&refused("57014")), &common), None);
        assert!(question(&common).is_some(), "a cancel says nothing");
        let columns = less(&whole, Some(&refused("42883")), &common).unwrap();
        assert!(matches!(columns, CatalogQuestion::Columns(_)));
        assert_eq!(less(&columns, None, &common), None);
        assert_eq!((common.answers(), question(&common)), (Some(Answers::Columns), None));
        let common = Common::new([0; 16], String::new());
        assert_eq!(less(&columns, Some(&refused("42601")), &common), None);
        assert_eq!(common.answers(), Some(Answers::Nothing));
        let common = Common::new([0; 16], String::new());
        less(&whole, None, &common);
        assert_eq!(common.answers(), Some(Answers::All));
    }
}
