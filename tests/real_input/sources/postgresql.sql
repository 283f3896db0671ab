-- A database whose columns have types of its own, of every kind, among PostgreSQL's.

CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE SCHEMA app;
CREATE SCHEMA "Own Types";
SET search_path = app, public;

CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine", (really)', 'žluť');
CREATE TYPE "Own Types"."Mood" AS ENUM ('NULL', 'a b', '{}');
-- The names of types that PostgreSQL has, and of one that DMS has.
CREATE TYPE app."date" AS ENUM ('today', 'tomorrow');
CREATE TYPE public.json AS ENUM ('j', 'k');
CREATE TYPE string AS ENUM ('s', 't');
CREATE DOMAIN positive AS integer DEFAULT 1 CHECK (VALUE > 0);
CREATE DOMAIN email AS text COLLATE "C" CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
CREATE DOMAIN tags AS text[] CHECK (cardinality(VALUE) < 10);
CREATE DOMAIN best_mood AS mood DEFAULT 'ok' CHECK (VALUE <> 'sad'::mood);
CREATE TYPE address AS (street text, city citext, mood mood, floors int[], since timestamp(3) with time zone);
CREATE TYPE price_range AS RANGE (subtype = numeric, multirange_type_name = prices);
CREATE CAST (mood AS integer) WITH INOUT;

CREATE FUNCTION next_mood(m mood, step mood DEFAULT 'ok'::mood) RETURNS mood
    LANGUAGE sql IMMUTABLE AS $$ SELECT CASE m WHEN step THEN 'sad'::app.mood ELSE m END $$;
CREATE FUNCTION first_mood() RETURNS mood LANGUAGE sql IMMUTABLE RETURN 'sad'::mood;
CREATE FUNCTION moods(VARIADIC all_of mood[]) RETURNS TABLE (m mood, n bigint)
    LANGUAGE sql IMMUTABLE
    BEGIN ATOMIC
        SELECT a, count(*) FROM unnest(all_of) a WHERE a <> 'sad'::mood GROUP BY a;
    END;
CREATE AGGREGATE last_mood(mood) (sfunc = next_mood, stype = mood, initcond = 'ok');
COMMENT ON FUNCTION next_mood(mood, mood) IS 'of a mood';

CREATE TABLE people (
    id serial PRIMARY KEY,
    mood mood DEFAULT 'ok' NOT NULL,
    "Mood" "Own Types"."Mood" DEFAULT 'a b'::"Own Types"."Mood",
    day app."date" DEFAULT 'today',
    real_day date DEFAULT '2024-02-29'::date,
    j public.json,
    real_json json DEFAULT '{"a": 1}'::pg_catalog.json,
    s string,
    age positive NOT NULL,
    mail email,
    labels tags DEFAULT ARRAY['a', 'b,c']::tags,
    best best_mood,
    home address DEFAULT ROW('s', 'C', 'sad', '{1,2}', NULL)::address,
    homes address[],
    moods mood[] DEFAULT ARRAY['ok'::mood, 'sad'::mood],
    more_moods "Own Types"."Mood"[] DEFAULT '{"a b",NULL}',
    matrix mood[][],
    worth price_range DEFAULT price_range(1, 2.50),
    all_worth prices,
    whole int4range DEFAULT '[1,5)',
    nick citext COLLATE "C" DEFAULT 'Nick'::citext,
    nicks citext[],
    attributes hstore DEFAULT hstore('a', 'b'),
    computed mood DEFAULT first_mood(),
    name name DEFAULT 'x'::name,
    "char" "char" DEFAULT 'y',
    amount numeric(12,3),
    plain numeric,
    at timestamp(3) without time zone,
    span interval day to second(3),
    bits bit varying(9) DEFAULT B'101',
    one bit,
    fixed character(5),
    short character varying(30)[],
    raw bytea,
    kind regclass DEFAULT 'pg_class'::regclass,
    doubled bigint GENERATED ALWAYS AS (real_day - '2000-01-01'::date) STORED,
    CONSTRAINT not_both CHECK (mood <> 'sad'::mood OR "Mood" IS DISTINCT FROM 'a b'::"Own Types"."Mood"),
    CONSTRAINT known CHECK (mood = ANY (ARRAY['sad', 'ok', 'it''s "fine", (really)', 'žluť']::mood[])),
    CONSTRAINT few CHECK (mood = ALL (moods) OR CAST(day AS text) <> 'never')
);
INSERT INTO people (mood, "Mood", day, j, s, age, mail, labels, best, homes, moods, matrix, worth,
        all_worth, nick, nicks, attributes, name, amount, plain, at, span, fixed, short, raw, real_day)
    SELECT
        (enum_range(NULL::mood))[1 + n % 4],
        CASE WHEN n % 4 = 0 THEN 'NULL' WHEN n % 5 > 0 THEN (enum_range(NULL::"Own Types"."Mood"))[1 + n % 3] END::"Own Types"."Mood",
        CASE WHEN n % 2 = 0 THEN 'today' ELSE 'tomorrow' END::app."date",
        'j', 's', n, 'p' || n || '@x', ARRAY['t' || n, E'with "quotes" \\ and, commas'],
        'ok',
        ARRAY[ROW('street ' || n, 'City', 'žluť', ARRAY[n], '2024-01-01 00:00:00+00')::address, NULL],
        CASE WHEN n % 7 > 0 THEN ARRAY['ok', 'it''s "fine", (really)', NULL]::mood[] END,
        '{{ok,sad},{sad,ok}}',
        price_range(n, n + 0.5),
        prices(price_range(n, n + 1), price_range(n + 2, NULL)),
        'Nick' || n, ARRAY['A', NULL, 'NULL'],
        hstore(ARRAY['k' || n, E'v"\\ \n', 'none', NULL]),
        'n' || n, n / 3.0, n / 7.0, '2024-01-01'::timestamp + n * interval '1.001 s', n * interval '1 h',
        'f', ARRAY['a', n::text], decode(to_hex(n + 4096), 'hex'), '2024-01-01'::date + n
    FROM generate_series(1, 1000) n;

CREATE TABLE friends (
    person integer NOT NULL REFERENCES people ON DELETE CASCADE,
    person_age positive,
    mood mood NOT NULL,
    PRIMARY KEY (person, mood)
) PARTITION BY LIST (mood);
CREATE TABLE sad_friends PARTITION OF friends FOR VALUES IN ('sad', 'žluť');
CREATE TABLE other_friends PARTITION OF friends DEFAULT;
INSERT INTO friends SELECT id, age, mood FROM people;
CREATE TABLE ages (age positive PRIMARY KEY, mood mood UNIQUE);
CREATE TABLE of_ages (age positive REFERENCES ages, mood mood REFERENCES ages (mood), people people,
    EXCLUDE USING btree (age WITH =) WHERE (mood = 'sad'::mood));
INSERT INTO ages VALUES (1, 'ok'), (2, NULL);
INSERT INTO of_ages SELECT 1, 'ok', p FROM people p WHERE id < 10;
ALTER TABLE ages ADD COLUMN later mood DEFAULT 'it''s "fine", (really)';

CREATE INDEX ON people (mood, lower(mail)) WHERE mood <> 'sad'::mood;
CREATE INDEX ON people USING gin (moods);
CREATE STATISTICS together (mcv) ON mood, day FROM people;
CREATE VIEW happy AS
    SELECT p.id, p.mood, 'ok'::mood AS other, p.moods[1] AS first, p.mood::text AS text,
        CASE WHEN p.mood = 'ok' THEN 'sad'::mood ELSE p.mood END AS turned, p.home, p AS whole
    FROM people p WHERE p.mood IN ('ok', 'žluť') AND p.day <> 'tomorrow'
    UNION ALL SELECT 0, 'ok', 'sad', NULL, '', NULL, NULL, NULL;
-- What a function returns comes before the key that this view needs: it is dumped twice.
CREATE VIEW summary AS
    SELECT p.id, p.mood, p.homes, p.amount, count(f.mood) FROM people p LEFT JOIN friends f ON f.person = p.id GROUP BY p.id;
CREATE FUNCTION summaries() RETURNS SETOF summary LANGUAGE sql AS 'SELECT * FROM app.summary';
CREATE MATERIALIZED VIEW counts AS
    SELECT mood, count(*), 'ok'::mood AS best, array_agg(DISTINCT day) AS days FROM people GROUP BY mood;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.mood := 'ok'::app.mood; RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON people FOR EACH ROW WHEN (NEW.mood = 'sad'::mood) EXECUTE FUNCTION stamp();
CREATE RULE one AS ON INSERT TO happy DO INSTEAD INSERT INTO people (mood, age) VALUES (NEW.mood, 1);
CREATE POLICY ok ON people USING (mood = 'ok'::mood) WITH CHECK (mood <> 'sad'::mood);
