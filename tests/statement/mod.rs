//! Texts of SQL: the scripts beside this file, and what is read from each text.

mod meetings;
mod properties;
pub mod reading;
mod scripts;
mod slots;
mod types;
