//! The portals whose statements the proxy has to act on. Knows names and plans; may not know what is done
//! with them.

use std::collections::HashMap;
use std::rc::Rc;

use super::plan::Plan;

/// Portals remembered at most: those of transactions that have ended go only when nothing is on its way.
const PORTALS_MAX: usize = 10_000;

/// The portals of statements with a plan.
#[derive(Debug, Default)]
pub(super) struct Portals {
    /// The unnamed one, which nearly all are.
    unnamed: Option<Rc<Plan>>,
    named: HashMap<Box<[u8]>, Rc<Plan>>,
}

impl Portals {
    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.unnamed.is_none() && self.named.is_empty()
    }

    /// A portal of a statement with this plan, or of a plain one, takes the place of that with this name.
    #[inline]
    pub(super) fn put(&mut self, portal: &[u8], plan: Option<Rc<Plan>>) {
        match plan {
            plan if portal.is_empty() => self.unnamed = plan,
            Some(plan) => {
                if self.named.len() >= PORTALS_MAX {
                    self.named.clear();
                }
                self.named.insert(key(portal).into(), plan);
            }
            None if self.named.is_empty() => {}
            None => {
                self.named.remove(key(portal));
            }
        }
    }

    /// The plan of the portal's statement.
    #[inline]
    pub(super) fn get(&self, portal: &[u8]) -> Option<&Rc<Plan>> {
        if portal.is_empty() { self.unnamed.as_ref() } else { self.named.get(key(portal)) }
    }

    /// None is open any more.
    #[inline]
    pub(super) fn close_all(&mut self) {
        self.unnamed = None;
        if !self.named.is_empty() {
            self.named.clear();
        }
    }
}

/// The part of a name that the target compares. It truncates longer ones silently.
///
/// Source: PostgreSQL, `NAMEDATALEN` in `src/include/pg_config_manual.h`.
pub(super) fn key(name: &[u8]) -> &[u8] {
    const NAME_BYTES_MAX: usize = 63;
    name.get(..NAME_BYTES_MAX).unwrap_or(name)
}
