//! Every row of every source on a real server: what becomes of its spellings is the type that the
//! table names.

use dms_proxy::mapping::{Mapping, MappingOptions, Rule, SOURCES};
use dms_proxy::statement::script::{Scratch, Script};
use dms_proxy::statement::{Lexing, apply};

use crate::support::{Cluster, Database};

fn mapping(source: &str) -> Mapping {
    Mapping::new(MappingOptions { source: source.to_owned(), ..Default::default() }).unwrap()
}

/// The statement as it goes to the target, and the rules that changed it.
fn rewritten(sql: &str, mapping: &Mapping) -> (String, Vec<String>) {
    let script = Script::read(sql.as_bytes(), Lexing::default(), mapping, &mut Scratch::default());
    assert_eq!(
        (&script.fault, script.not_understood, script.types.unknown),
        (&None, 0, 0),
        "{sql}"
    );
    let rules = script.edits.iter().map(|edit| mapping.rule(edit.rule).unwrap().id.clone());
    (String::from_utf8(apply(sql.as_bytes(), &script.edits)).unwrap(), rules.collect())
}

/// The numbers behind `what` in a condition: `precision 3..4` or `precision 3`.
fn range(condition: &str, what: &str) -> Option<(i64, i64)> {
    let mut words = condition.split([' ', ',']).skip_while(|word| *word != what);
    let (_, range) = (words.next()?, words.next()?);
    let (min, max) = range.split_once("..").unwrap_or((range, range));
    Some((min.parse().ok()?, max.parse().ok()?))
}

/// Modifiers for which a row holds, each with the PostgreSQL type that the table names.
fn probes(rule: &Rule) -> Vec<(String, String)> {
    let mut parts = rule.target.split(", ");
    let target = parts.next().unwrap().to_owned();
    let condition = rule.condition.as_str();
    if rule.source_type == "ENUM" || rule.source_type == "SET" {
        return vec![(
            "('a', 'bcd')".to_owned(),
            target.replace('n', if rule.source_type == "SET" { "5" } else { "3" }),
        )];
    }
    if condition == "MAX" {
        return vec![("(MAX)".to_owned(), target)];
    }
    if condition == "without arguments" {
        return vec![(String::new(), target.clone()), ("(*)".to_owned(), target)];
    }
    if rule.dms.contains("p,")
        || condition.contains("precision ") && condition.contains("scale ")
        || rule.id == "numeric"
    {
        let (p, s) = (range(condition, "precision").unwrap_or((9, 9)), range(condition, "scale"));
        let (p, s) = match s {
            _ if condition.contains("<=") => (p.1, s.unwrap().0),
            Some(s) => (p.0, s.1),
            None => (p.0, 2),
        };
        let target = if target.contains("(p") {
            target.replace('p', &p.to_string()).replace("s)", &format!("{s})"))
        } else {
            target
        };
        return vec![(format!("({p},{s})"), target)];
    }
    let first = ["length", "precision", "scale"].iter().find_map(|what| range(condition, what));
    let named = ["(n)", "(s)"].iter().any(|term| rule.dms.ends_with(term));
    let first = first.map(|(min, _)| min).or(named.then_some(3));
    let mut probes = match first {
        Some(first) => vec![(format!("({first})"), target.replace('n', &first.to_string()))],
        None => vec![(String::new(), target)],
    };
    for part in parts {
        let (target, from) = part.split_once(" from ").unwrap();
        probes.push((format!("({})", from.split(' ').next_back().unwrap()), target.to_owned()));
    }
    probes
}

/// A spelling with modifiers where the source has them.
fn spelled(spelling: &str, modifiers: &str) -> String {
    const BEHIND: &[&str] =
        &[" FOR BIT", " WITH ", " WITHOUT ", " UNSIGNED", " SIGNED", " ZEROFILL"];
    let at = BEHIND.iter().filter_map(|words| spelling.find(words)).min();
    let (head, tail) = spelling.split_at(at.unwrap_or(spelling.len()));
    format!("{head}{modifiers}{tail}")
}

/// A spelling without and with the words in brackets.
fn expanded(spelling: &str) -> Vec<String> {
    let Some((before, rest)) = spelling.split_once(" [") else { return vec![spelling.to_owned()] };
    let (inside, after) = rest.split_once(']').unwrap();
    [format!("{before}{after}"), format!("{before} {inside}{after}")]
        .iter()
        .flat_map(|spelling| expanded(spelling))
        .collect()
}

/// The types of a table's columns, in order.
fn column_types(database: &Database, table: &str) -> Vec<String> {
    let rows = database.query(&format!(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
    ));
    rows.into_iter().flatten().collect()
}

#[test]
fn every_spelling_of_every_row_becomes_the_type_of_its_table() {
    let database = Cluster::shared().create_database();
    for source in SOURCES.iter().filter(|source| **source != "postgresql") {
        let mapping = mapping(source);
        let (mut written, mut expected, mut rules) = (Vec::new(), Vec::new(), Vec::new());
        for rule in mapping.rules() {
            for spelling in rule.source_type.split(", ").flat_map(expanded) {
                for (modifiers, target) in probes(rule) {
                    let spelling = spelled(&spelling, &modifiers);
                    let (sql, named) =
                        rewritten(&format!("CREATE TABLE t (c {spelling})"), &mapping);
                    let same =
                        sql.replace(' ', "").ends_with(&format!("(c{spelling})").replace(' ', ""));
                    assert!(
                        named == [rule.id.clone()] || same,
                        "{source} {}: {spelling}: {named:?}",
                        rule.id
                    );
                    written.push(spelling);
                    expected.push(target);
                    rules.push(rule.id.clone());
                }
            }
        }
        assert!(rules.len() >= mapping.rules().len());
        let table = |name: &str, types: &[String]| {
            let column = |(at, text): (usize, &String)| format!("c{at} {text}");
            let columns: Vec<_> = types.iter().enumerate().map(column).collect();
            format!("CREATE TABLE \"{source}_{name}\" ({})", columns.join(", "))
        };
        database.query(&rewritten(&table("written", &written), &mapping).0);
        database.query(&table("expected", &expected));
        let ours = column_types(&database, &format!("\"{source}_written\""));
        let theirs = column_types(&database, &format!("\"{source}_expected\""));
        assert_eq!(ours.len(), written.len());
        for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{source} {}: {}", rules[at], written[at]);
        }
    }
}

#[test]
fn the_types_of_the_catalog_are_no_user_defined_types() {
    let database = Cluster::shared().create_database();
    let names = database.query(
        "SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace
         AND typname !~ '^_?pg_'",
    );
    assert!(names.len() > 150);
    let mapping = mapping("postgresql");
    for name in names.iter().flatten() {
        for name in [name.clone(), format!("\"{name}\""), format!("pg_catalog.{name}")] {
            let sql = format!("CREATE TABLE t (c {name})");
            assert_eq!(rewritten(&sql, &mapping).0, sql);
        }
    }
}

/// As pg_dump writes it, with each kind of user-defined type.
const SCHEMA: &str = r#"
SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN public.positive AS integer CONSTRAINT positive_check CHECK ((VALUE > 0));
CREATE TYPE public."Pair" AS (a integer, b public.mood);
CREATE TYPE public.floatrange AS RANGE (subtype = double precision, subtype_diff = float8mi);
CREATE DOMAIN public.moods AS public.mood[] DEFAULT '{}'::public.mood[];
CREATE FUNCTION public.next(m public.mood) RETURNS public.mood LANGUAGE plpgsql AS $$
DECLARE r public.mood; BEGIN r := 'ok'::public.mood; RETURN r; END; $$;
ALTER FUNCTION public.next(m public.mood) OWNER TO CURRENT_USER;
CREATE TABLE public.people (
    id bigint NOT NULL,
    name character varying(30) COLLATE pg_catalog."C",
    current_mood public.mood DEFAULT 'ok'::public.mood NOT NULL,
    past_moods public.mood[] DEFAULT '{}'::public.mood[],
    more public.moods,
    pair public."Pair" DEFAULT ROW(1, 'ok'::public.mood)::public."Pair",
    age public.positive DEFAULT 5,
    span public.floatrange,
    at timestamp(3) with time zone DEFAULT now(),
    tags hstore_like[],
    CONSTRAINT mood_check CHECK ((current_mood = ANY (ARRAY['sad'::public.mood, 'ok'::public.mood])))
);
CREATE SEQUENCE public.people_id_seq AS bigint START WITH 1 INCREMENT BY 1 CACHE 1;
ALTER SEQUENCE public.people_id_seq OWNED BY public.people.id;
ALTER TABLE ONLY public.people ALTER COLUMN id SET DEFAULT nextval('public.people_id_seq'::regclass);
CREATE TABLE public.by_mood (m public.mood NOT NULL, v integer) PARTITION BY LIST (m);
CREATE TABLE public.by_mood_sad PARTITION OF public.by_mood FOR VALUES IN ('sad');
INSERT INTO public.people (id, name, current_mood, past_moods) VALUES (1, 'a', 'ok', '{sad,ok}');
CREATE VIEW public.sad AS SELECT people.name FROM public.people WHERE (people.current_mood = 'sad'::public.mood);
CREATE MATERIALIZED VIEW public.moods_seen AS SELECT DISTINCT people.current_mood FROM public.people WITH NO DATA;
ALTER TABLE ONLY public.people ADD CONSTRAINT people_pkey PRIMARY KEY (id);
CREATE INDEX people_sad ON public.people USING btree (name) WHERE (current_mood = 'sad'::public.mood);
CREATE TRIGGER t BEFORE UPDATE ON public.people FOR EACH ROW WHEN ((new.current_mood = 'sad'::public.mood)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE ONLY public.people ADD CONSTRAINT m2 CHECK ((current_mood <> 'x'::text));
"#;

#[test]
fn a_dumped_schema_with_user_defined_types_is_restored() {
    let database = Cluster::shared().create_database();
    let mapping = mapping("postgresql");
    let (sql, rules) = rewritten(SCHEMA, &mapping);
    assert!(rules.len() > 15 && rules.iter().all(|rule| rule == "postgresql-user-defined"));
    assert_eq!(rewritten(&sql, &mapping), (sql.clone(), vec![]));
    database.query(&sql);
    assert_eq!(
        column_types(&database, "public.people"),
        [
            "bigint",
            "character varying(30)",
            "character varying",
            "character varying[]",
            "character varying",
            "character varying",
            "character varying",
            "character varying",
            "timestamp(3) with time zone",
            "character varying[]",
        ]
    );
    assert_eq!(column_types(&database, "public.by_mood")[0], "character varying");
    let kept = database.query("SELECT public.next('sad'), count(*) FROM public.people");
    assert_eq!(kept, [["ok", "1"]]);
}
