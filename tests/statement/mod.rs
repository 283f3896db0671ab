//! Texts of SQL: the scripts beside this file, and what is read from each text.

mod meetings;
mod properties;
pub mod reading;
#[cfg(client = "regression-suite")]
mod scope_judge;
mod scripts;
mod slots;
mod types;
