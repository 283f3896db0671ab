//! Programs that the tests run: real clients that `tests/setup` found.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Finished {
    /// The exit status; `None` after a signal.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The standard output of a program that must not fail.
    pub fn success(self) -> String {
        assert_eq!(self.status, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }
}

/// A program by its name among those that `tests/setup` linked, deaf to libpq's variables.
pub fn program(name: &str) -> Command {
    command(setup_directory().join("bin").join(name))
}

/// Any other program, as deaf.
pub fn command(path: impl AsRef<Path>) -> Command {
    let mut command = Command::new(path.as_ref());
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    command
}

/// Where `tests/setup` puts what it fetches.
pub fn setup_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.setup")
}

/// Runs a program with this input to its end.
pub fn run(command: &mut Command, input: &[u8]) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program that ends early closes the pipe; that shows in its status.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    Finished {
        status: output.status.code(),
        stdout: output.stdout.utf8_chunks().map(|chunk| chunk.valid()).collect(),
        stderr: output.stderr.utf8_chunks().map(|chunk| chunk.valid()).collect(),
    }
}
