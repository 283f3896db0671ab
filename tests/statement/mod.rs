//! Texts of SQL: the scripts beside this file, and what is read from each text.

mod properties;
mod scripts;
mod slots;
mod types;
