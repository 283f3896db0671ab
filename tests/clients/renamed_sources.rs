//! Tools that read a source of another engine: what they send under its names arrives as what they make of them in lower
//! case themselves.

#[cfg(any(client = "ora2pg", client = "mariadbd"))]
use std::{
    fs,
    path::{Path, PathBuf},
};

#[cfg(any(client = "ora2pg", client = "mariadbd"))]
use super::renamed::contents;
#[cfg(any(client = "ora2pg", client = "mariadbd"))]
use crate::support::{Cluster, Endpoint, Proxy, assert_same, program, psql, run};

/// A directory of one test.
#[cfg(any(client = "ora2pg", client = "mariadbd"))]
struct Files(PathBuf);

#[cfg(any(client = "ora2pg", client = "mariadbd"))]
impl Files {
    fn new(name: &str) -> Files {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Files(path)
    }
}

#[cfg(any(client = "ora2pg", client = "mariadbd"))]
impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Loads directly, where the tool changes the names, and through rules that do, where it keeps them; both leave the
/// same in a schema.
#[cfg(any(client = "ora2pg", client = "mariadbd"))]
fn same_left(rules: &str, schema: &str, load: impl Fn(&Endpoint, bool)) {
    let proxy = Proxy::start(rules, &[]);
    let [direct, proxied] = [false, true].map(|keeps| {
        let database = Cluster::shared().create_database();
        match keeps {
            true => load(&proxy.endpoint(database.endpoint()), true),
            false => load(database.endpoint(), false),
        }
        contents(&database, schema)
    });
    assert!(direct.len() > 10, "{direct:?}");
    assert_same(&direct, &proxied);
}

/// ora2pg reads a script of Oracle in place of the database. With PRESERVE_CASE it writes names as Oracle has them, in
/// quotes.
#[cfg(client = "ora2pg")]
#[test]
fn ora2pg_that_keeps_the_case_of_oracle() {
    const SOURCE: &str = r#"
        CREATE TABLE HR.DEPARTMENTS (DEPARTMENT_ID NUMBER(4) NOT NULL, DEPARTMENT_NAME VARCHAR2(30) NOT NULL,
            CONSTRAINT DEPT_PK PRIMARY KEY (DEPARTMENT_ID));
        CREATE TABLE HR.EMPLOYEES (EMPLOYEE_ID NUMBER(6) NOT NULL, EMAIL VARCHAR2(25) NOT NULL, HIRE_DATE DATE,
            SALARY NUMBER(8,2) DEFAULT 0, DEPARTMENT_ID NUMBER(4), PHOTO BLOB,
            CONSTRAINT EMP_PK PRIMARY KEY (EMPLOYEE_ID), CONSTRAINT EMP_EMAIL UNIQUE (EMAIL),
            CONSTRAINT EMP_PAID CHECK (SALARY >= 0),
            CONSTRAINT EMP_DEPT FOREIGN KEY (DEPARTMENT_ID) REFERENCES HR.DEPARTMENTS (DEPARTMENT_ID));
        CREATE INDEX EMP_HIRED ON HR.EMPLOYEES (HIRE_DATE);
        COMMENT ON TABLE HR.EMPLOYEES IS 'EMPLOYEES of HR';
        COMMENT ON COLUMN HR.EMPLOYEES.EMAIL IS 'without the domain';
        "#;
    let files = Files::new("ora2pg-names");
    let rules = "[mapping]\nsource = \"postgresql\"\n[mapping.names]\nschemas = { HR = \"hr\" }\n\
                 tables = \"lower\"\ncolumns = \"lower\"\n";
    same_left(rules, "hr", |endpoint, keeps| {
        let file = |name: &str| files.0.join(name);
        let (address, database) = (endpoint.address, &endpoint.database);
        let settings = format!(
            "PG_DSN dbi:Pg:dbname={database};host={};port={}\nPG_USER {}\nPG_PWD none\nPG_VERSION 15\n\
             PRESERVE_CASE {}\nEXPORT_SCHEMA 1\nSCHEMA HR\nCREATE_SCHEMA 1\nSTOP_ON_ERROR 0\n",
            address.ip(),
            address.port(),
            endpoint.user,
            u8::from(keeps),
        );
        fs::write(file("ora2pg.conf"), settings).unwrap();
        fs::write(file("source.sql"), SOURCE).unwrap();
        let mut ora2pg = program("ora2pg");
        ora2pg.current_dir(&files.0).args(["-q", "-c"]).arg(file("ora2pg.conf"));
        run(ora2pg.args(["-t", "TABLE", "-i", "source.sql", "-o", "made.sql"]), b"").success();
        let made = fs::read_to_string(file("made.sql")).unwrap();
        assert_eq!(made.contains("\"EMPLOYEES\""), keeps, "{made}");
        // Its own loader has several connections, and the order of statements is that of chance.
        psql(endpoint, &[], &made).success();
    });
}

/// A server of MariaDB with this in it.
#[cfg(client = "mariadbd")]
struct MariaDb {
    server: std::process::Child,
    port: u16,
}

#[cfg(client = "mariadbd")]
impl MariaDb {
    fn start(directory: &Path, sql: &str) -> MariaDb {
        use std::net::{TcpListener, TcpStream};
        use std::time::{Duration, Instant};

        let data = directory.join("data");
        let user = run(std::process::Command::new("id").arg("-un"), b"").success();
        let user = format!("--user={}", user.trim());
        let mut install = program("mariadb-install-db");
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", &user]);
        run(install.arg("--skip-test-db").arg(format!("--datadir={}", data.display())), b"")
            .success();
        let script = directory.join("init.sql");
        fs::write(&script, sql).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = program("mariadbd");
        server.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-log-bin", &user]);
        server.arg(format!("--datadir={}", data.display())).arg(format!("--port={port}"));
        server.arg(format!("--socket={}", directory.join("s").display()));
        server.arg(format!("--init-file={}", script.display()));
        let log = fs::File::create(directory.join("log")).unwrap();
        server.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let server = server.spawn().unwrap();
        let mut started = MariaDb { server, port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || fs::read_to_string(directory.join("log")).unwrap();
            assert!(started.server.try_wait().unwrap().is_none(), "{}", log());
            assert!(began.elapsed() < Duration::from_secs(60), "{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        started
    }
}

#[cfg(client = "mariadbd")]
impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// pgloader makes a schema of the database's name, which a rule renames; directly its own command does.
#[cfg(all(client = "mariadbd", client = "pgloader"))]
#[test]
fn pgloader_from_mariadb_in_mixed_case() {
    const SOURCE: &str = "CREATE DATABASE `HR`;\n\
        CREATE USER loader@localhost IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO loader@localhost;\n\
        USE `HR`;\n\
        CREATE TABLE `Dept` (`DeptId` int PRIMARY KEY AUTO_INCREMENT, `Name` varchar(30) NOT NULL, UNIQUE KEY `DeptName` (`Name`));\n\
        CREATE TABLE `EMP` (`EmpId` int PRIMARY KEY, `DeptId` int, `Hired` datetime, `Pay` decimal(9,2) DEFAULT 1.5, `Flag` tinyint(1), `Photo` blob, KEY `EmpHired` (`Hired`), CONSTRAINT `EmpDept` FOREIGN KEY (`DeptId`) REFERENCES `Dept` (`DeptId`) ON DELETE CASCADE);\n\
        INSERT INTO `Dept` (`Name`) SELECT concat('Dept ', seq) FROM seq_1_to_20;\n\
        INSERT INTO `EMP` SELECT seq, seq % 20 + 1, '2000-01-01' + INTERVAL seq MINUTE, seq / 4, seq % 2, if(seq % 3 = 0, x'00ff', NULL) FROM seq_1_to_2000;\n";
    let files = Files::new("mariadb-names");
    let source = MariaDb::start(&files.0, SOURCE);
    let rules =
        "[mapping.names]\nschemas = { HR = \"people\" }\ntables = \"lower\"\ncolumns = \"lower\"\n";
    same_left(rules, "people", |endpoint, keeps| {
        let Endpoint { address, user, database } = endpoint;
        let names = if keeps { "quote identifiers" } else { "downcase identifiers" };
        let renames = if keeps { "" } else { " ALTER SCHEMA 'HR' RENAME TO 'people'" };
        let command = format!(
            "LOAD DATABASE FROM mysql://loader:secret@127.0.0.1:{}/HR INTO postgresql://{user}@{address}/{database}\n \
             WITH {names}, workers = 2, concurrency = 1, foreign keys, create indexes, reset sequences{renames};\n",
            source.port
        );
        let load = files.0.join("load");
        fs::write(&load, command).unwrap();
        let mut pgloader = program("pgloader");
        pgloader.env("HOME", &files.0).arg("--root-dir").arg(&files.0).arg("--quiet");
        let finished = run(pgloader.arg(&load), b"");
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(finished.status, Some(0), "{said}");
        assert!(!said.contains("ERROR") && !said.contains("FATAL"), "{said}");
    });
}
