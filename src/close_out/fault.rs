//! Points at which a test can kill the process or the target. Nothing of it is in a release build.

/// Ends the process here if `DMS_PROXY_FAULT_POINT` names this point, or waits for a line on the
/// standard input if `DMS_PROXY_FAULT_PAUSE` does.
#[cfg(debug_assertions)]
pub(super) fn point(name: &str) {
    let is_named = |variable| std::env::var_os(variable).is_some_and(|value| value == *name);
    if is_named("DMS_PROXY_FAULT_POINT") {
        std::process::abort();
    }
    if is_named("DMS_PROXY_FAULT_PAUSE") {
        // Whatever came, the wait is over.
        let _ = std::io::stdin().read_line(&mut String::new());
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(super) fn point(_name: &str) {}
