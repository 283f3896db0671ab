//! Types that are in no table: those that texts have made of others by `CREATE TYPE name FROM type` and `sp_addtype`.
//! Plain data.

use std::sync::Arc;

/// Types of a session that are remembered at most.
const ALIASES_MAX: usize = 10_000;

/// A type that a source makes of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasType {
    /// The schema, where the text names one.
    pub schema: Option<Vec<u8>>,
    /// Its name, without quotes.
    pub name: Vec<u8>,
    /// The type of the target that it stands for.
    pub text: String,
    /// Whether a column takes no NULL that says nothing of it.
    pub is_not_null: bool,
}

impl AliasType {
    /// Whether a column names it. The sources take names in any case of letters.
    fn is_called(&self, schema: Option<&[u8]>, name: &[u8]) -> bool {
        let is_of = |own: &[u8]| schema.is_none_or(|schema| schema.eq_ignore_ascii_case(own));
        self.name.eq_ignore_ascii_case(name) && self.schema.as_deref().is_none_or(is_of)
    }
}

/// Those that are known. A copy costs nothing.
#[derive(Clone, Debug, Default)]
pub struct AliasTypes(Option<Arc<Vec<AliasType>>>);

impl AliasTypes {
    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// One more; it takes the place of an older one of the name.
    pub fn add(&mut self, alias: AliasType) {
        let known = Arc::make_mut(self.0.get_or_insert_default());
        let AliasType { schema, name, .. } = &alias;
        known.retain(|one| one.schema != *schema || one.name != *name);
        if known.len() < ALIASES_MAX {
            known.push(alias);
        }
    }

    /// The one that a column names.
    pub fn find(&self, schema: Option<&[u8]>, name: &[u8]) -> Option<&AliasType> {
        self.0.as_ref()?.iter().rev().find(|alias| alias.is_called(schema, name))
    }
}

/// Types that are in no table.
#[derive(Clone, Debug, Default)]
pub struct FoundTypes {
    /// Columns whose type is not known.
    pub unknown: usize,
    /// The types that this text and those before it have made of others.
    pub aliases: AliasTypes,
}
