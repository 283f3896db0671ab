#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "one of many")]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::login(data));
