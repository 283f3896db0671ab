//! Commands that need no server: configuration, completions and the manual.

use std::path::{Path, PathBuf};

use crate::support::{Cluster, Finished, command, run};

/// A directory with a `proxy.toml`.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, config: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("command-line-{name}"));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("proxy.toml"), config).unwrap();
        Folder(path)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
        let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
        program.args(arguments).envs(variables.iter().copied()).current_dir(&self.0);
        run(&mut program, b"")
    }
}

#[test]
fn configuration_that_is_right_is_shown_with_what_differs() {
    let folder =
        Folder::new("right", "rewrite = 'on'\n[mapping]\nsource = 'oracle'\njson = 'text'\n");
    for arguments in [&["config", "check"][..], &["serve", "--check-config"], &["--check-config"]] {
        let finished = folder.run(arguments);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
        let lines: Vec<&str> = finished.stdout.lines().collect();
        assert_eq!(lines[..2], ["proxy.toml: ok", "[mapping]"]);
        assert!(
            lines[2].starts_with("source = \"oracle\" ") && lines[2].ends_with("# proxy.toml:3")
        );
        assert_eq!(lines.len(), 3, "{}", finished.stdout);
    }
    let other = folder.0.join("other.toml");
    std::fs::write(&other, "").unwrap();
    let finished = folder.run(&["config", "check", "other.toml"]);
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(0), "other.toml: ok\n"));
    std::fs::remove_file(folder.0.join("proxy.toml")).unwrap();
    let finished = folder.run(&["config", "check"]);
    assert!(finished.stdout.starts_with("built-in defaults (there is no proxy.toml): ok\n"));
}

/// A file or a target that is named in front of a command would not be looked at.
#[test]
fn arguments_of_the_server_stand_behind_its_command() {
    let folder = Folder::new("placed", "");
    for (arguments, said) in [
        (&["-c", "proxy.toml", "types"][..], "`types --config ...`"),
        (&["--config", "proxy.toml", "serve", "--check-config"], "`serve --config ...`"),
        (&["--target", "postgres://u:secret@h/", "-q", "check"], "`check --target ...`"),
    ] {
        let finished = folder.run(arguments);
        assert_eq!((finished.status, finished.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
        assert!(!finished.stderr.contains("secret"), "{}", finished.stderr);
    }
    assert_eq!(folder.run(&["-q", "--color", "never", "types"]).status, Some(0));
    assert_eq!(folder.run_with(&["types"], &[("DMS_PROXY_SOURCE", "oracle")]).status, Some(0));
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let config = "rewrit = 'on'\n[listen]\naddress = 'nowhere'\n[limits]\nclients = 0\n";
    let finished = Folder::new("wrong", config).run(&["config", "check"]);
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(2), ""));
    for said in [
        "proxy.toml:1: rewrit: ",
        "did you mean `rewrite`?",
        "proxy.toml:3: listen.address: ",
        "proxy.toml:5: ",
    ] {
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
    }
    // Files that it names are read, too, and nothing is made.
    for (name, section) in [
        ("certificate", "[listen]\nsslmode = 'require'\nsslcert = 'no.crt'\nsslkey = 'no.key'\n"),
        ("users", "[auth]\nmode = 'terminate'\nusers_file = 'no.txt'\n"),
        ("authority", "[target]\nurl = 'postgresql://h?sslmode=verify-ca&sslrootcert=no.pem'\n"),
        ("mappings", "[mapping]\ntable_mappings = 'no.json'\n"),
    ] {
        let folder = Folder::new(name, section);
        let finished = folder.run(&["serve", "--check-config"]);
        assert_eq!(finished.status, Some(2), "{name}: {}", finished.stdout);
        assert!(finished.stderr.contains("no."), "{name}: {}", finished.stderr);
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1, "{name}");
    }
}

#[test]
fn the_target_is_asked_where_that_is_wanted() {
    let database = Cluster::shared().create_database();
    let target = Cluster::shared().embedded().tcp_address().unwrap();
    let folder = Folder::new("connect", "");
    let check = |url: &str| folder.run(&["config", "check", "--connect", "--target", url]);
    let user = &database.endpoint().user;
    let finished = check(&format!("postgresql://{user}@{target}/postgres"));
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains(&format!("takes logins of {user}")), "{}", finished.stdout);
    let finished = check(&format!("postgresql://{target}"));
    assert!(finished.stdout.contains("names no user"), "{}", finished.stdout);
    let finished = check("postgresql://127.0.0.1:1");
    assert_eq!(finished.status, Some(2));
    assert!(finished.stderr.contains("target 127.0.0.1:1: "), "{}", finished.stderr);
}

#[test]
fn every_key_is_shown_with_its_source_and_no_password() {
    let url = "postgresql://u:geheim@db.example/d";
    let folder = Folder::new("show", &format!("[target]\nurl = '{url}'\n[log]\nlevel = 'debug'\n"));
    let variables = [
        ("DMS_PROXY_LISTEN", ":7000"),
        ("DMS_PROXY_LOG_LEVEL", ""),
        ("DMS_PROXY_LOG_FORMAT", "JSON"),
    ];
    let finished = folder.run_with(&["config", "show", "--source", "mysql"], &variables);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    let line = |key: &str| {
        let found = finished.stdout.lines().find(|line| line.starts_with(&format!("{key} = ")));
        found.unwrap_or_else(|| panic!("{key}: {}", finished.stdout))
    };
    assert!(line("address").ends_with("# DMS_PROXY_LISTEN"));
    assert!(line("source").starts_with("source = \"mysql\""));
    assert!(line("level").ends_with("# proxy.toml:4"));
    assert!(line("format").starts_with("format = \"json\""));
    assert!(line("drain_timeout").ends_with("# default"));
    assert!(!format!("{}{}", finished.stdout, finished.stderr).contains("geheim"));
    // What is printed is a file that says the same.
    let again = Folder::new("again", &finished.stdout);
    assert_eq!(again.run(&["config", "check"]).status, Some(0));
}

#[test]
fn shipped_file_comes_from_the_program() {
    let folder = Folder::new("print", "");
    let printed = folder.run(&["config", "print"]).stdout;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(printed, std::fs::read_to_string(root.join("proxy.toml")).unwrap());
    let page = root.join("docs/configuration.md");
    let docs = folder.run(&["config", "docs"]).stdout;
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        std::fs::write(&page, docs).unwrap();
    } else {
        let old = std::fs::read_to_string(&page).unwrap_or_default();
        assert!(old == docs, "it is old: UPDATE_GOLDENFILES=1 cargo test command_line");
    }
}

/// The commands that `--help` lists, of the program or of one of its commands.
fn commands(folder: &Folder, of: &[&str]) -> Vec<String> {
    let help = folder.run(&[of, &["--help"]].concat()).stdout;
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let list = list.split("\n\n").next().unwrap_or_default();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(ToOwned::to_owned).collect()
}

#[test]
fn shells_complete_every_command() {
    let folder = Folder::new("completions", "");
    let names = commands(&folder, &[]);
    assert!(names.len() > 10, "{names:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.run(&["completions", shell]).stdout;
        for name in &names {
            assert!(script.contains(name.as_str()), "{shell}: {name}");
        }
    }
    let script = folder.0.join("completions.bash");
    std::fs::write(&script, folder.run(&["completions", "bash"]).stdout).unwrap();
    let complete = format!(
        ". '{}'; of=$(complete -p dms-proxy); of=${{of#*-F }}; COMP_WORDS=(dms-proxy fin); COMP_CWORD=1; \
         ${{of%% *}} dms-proxy fin dms-proxy; echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let finished = run(command("bash").args(["-c", &complete]), b"");
    assert_eq!(finished.stdout, "finish\n", "{}", finished.stderr);
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let folder = Folder::new("man", "");
    let pages = folder.0.join("pages");
    assert_eq!(folder.run(&["man", "pages"]).status, Some(0));
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
    assert_eq!(folder.run(&["man"]).stdout.lines().next(), page("dms-proxy.1").lines().next());
    for name in commands(&folder, &[]) {
        assert!(page(&format!("dms-proxy-{name}.1")).contains(".SH NAME"), "{name}");
        for inner in commands(&folder, &[&name]) {
            assert!(!page(&format!("dms-proxy-{name}-{inner}.1")).is_empty());
        }
    }
    assert!(page("proxy.toml.5").contains("\\fBdrain_timeout\\fR = 30"));
}

#[test]
fn no_help_shows_what_a_variable_holds() {
    let folder = Folder::new("help", "");
    let variables = [
        ("DMS_PROXY_TARGET", "postgresql://u:geheim@h/d"),
        ("DMS_PROXY_LISTEN", "geheim"),
        ("DMS_PROXY_CONFIG", "geheim"),
        ("DMS_PROXY_SOURCE", "geheim"),
        ("DMS_PROXY_LOG_LEVEL", "geheim"),
        ("DMS_PROXY_LOG_FORMAT", "geheim"),
        ("PGPASSWORD", "geheim"),
    ];
    let mut paths: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let finished = folder.run_with(&[&words[..], &["--help"]].concat(), &variables);
        assert!(!finished.stdout.contains("geheim"), "{path:?}");
        let inner = commands(&folder, &words);
        paths.extend(inner.into_iter().map(|name| [path.clone(), vec![name]].concat()));
    }
}

#[test]
fn colours_are_where_they_are_wanted() {
    let folder = Folder::new("colour", "");
    let escape = "\u{1b}[";
    let plain = folder.run(&["--help"]).stdout;
    assert!(!plain.contains(escape), "no terminal");
    let coloured = folder.run_with(&["--help"], &[("CLICOLOR_FORCE", "1")]).stdout;
    assert!(coloured.contains(escape));
    let log = |arguments: &[&str]| {
        let all =
            [&["serve", "--target", "postgresql://h:1", "--listen", "192.0.2.1:1"], arguments];
        folder.run(&all.concat()).stderr
    };
    assert!(!log(&[]).contains(escape));
    assert!(log(&["--color", "always"]).contains(escape));
    assert!(!log(&["--color", "never"]).contains(escape));
}

#[test]
fn who_wants_to_hear_of_errors_only_hears_of_no_warning() {
    let config = "[mapping]\nendpoint_settings = 'slotName=a'\n";
    let folder = Folder::new("quiet", config);
    let said = |arguments: &[&str]| folder.run(arguments).stderr;
    assert!(said(&["config", "check"]).contains("warning"));
    assert_eq!(said(&["config", "check", "--quiet"]), "");
    // A socket that is not ours ends it, and only that is said.
    let serve = ["serve", "--target", "postgresql://h:1", "--listen", "192.0.2.1:1"];
    let lines = said(&[&serve[..], &["-q"]].concat());
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.contains("ERROR cannot listen on 192.0.2.1:1"), "{lines}");
}

#[test]
fn a_first_configuration_is_written_and_never_over_another() {
    let folder = Folder::new("init", "");
    std::fs::remove_file(folder.0.join("proxy.toml")).unwrap();
    let database = Cluster::shared().create_database();
    let endpoint = database.endpoint();
    let url = format!("postgresql://{}@{}/{}", endpoint.user, endpoint.address, endpoint.database);
    let finished = folder.run(&["init", "--tool", "pgloader", "--target", &url]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    assert!(finished.stdout.starts_with("proxy.toml is written; the target is ready\n"));
    assert!(finished.stdout.contains("INTO postgresql://USER@127.0.0.1:6432/DATABASE"));
    let written = || std::fs::read_to_string(folder.0.join("proxy.toml")).unwrap();
    let text = written();
    assert!(text.contains(&format!("url = \"{url}\"\n# server version: ")), "{text}");
    assert!(text.contains("source = \"postgresql\""), "{text}");
    assert_eq!(folder.run(&["config", "check"]).status, Some(0));
    let again = folder.run(&["init"]);
    assert_eq!(again.status, Some(2));
    assert!(again.stderr.contains("is there already, and stays as it is"), "{}", again.stderr);
    assert_eq!(written(), text);
    // No password goes into a file.
    let secret = folder.run(&["init", "other.toml", "--target", "postgresql://a:s3cret@h/d"]);
    assert_eq!(secret.status, Some(2));
    assert!(!secret.stderr.contains("s3cret") && !folder.0.join("other.toml").exists());
}
