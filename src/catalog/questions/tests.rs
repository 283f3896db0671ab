use super::*;

fn relation(parts: &[&str]) -> Subject {
    Subject::Relation(parts.iter().map(|part| part.as_bytes().to_vec()).collect())
}

fn row(values: &[&str]) -> AnswerRow {
    values.iter().map(|value| (*value != "NULL").then(|| value.as_bytes().to_vec())).collect()
}

#[test]
fn one_statement_asks_about_all_subjects() {
    let subjects = vec![
        relation(&["t"]),
        relation(&["d", "S'", "T\\{type_under}{subjects}"]),
        Subject::Prepared(b"p".to_vec()),
    ];
    let sql = CatalogQuestion::Relations(subjects).sql(15, Encoding::Utf8);
    for part in [
        "(VALUES (0, NULL::pg_catalog.name, 't'::pg_catalog.name), (1, \
         'S'''::pg_catalog.name, E'T\\\\{type_under}{subjects}'::pg_catalog.name)) s",
        "(VALUES (2, 'p'::pg_catalog.text)) s",
        "UNION ALL",
        "a.attidentity, a.attgenerated",
    ] {
        assert!(sql.contains(part), "{part}: {sql}");
    }
    assert!(sql.ends_with("ORDER BY 1, 2"));
}

#[test]
fn older_servers_are_asked_for_what_they_have() {
    for (major, identity, generated) in
        [(0, false, false), (9, false, false), (11, true, false), (12, true, true)]
    {
        let sql = CatalogQuestion::Relations(vec![relation(&["t"])]).sql(major, Encoding::Utf8);
        assert_eq!(sql.contains("attidentity"), identity, "{major}");
        assert_eq!(sql.contains("attgenerated"), generated, "{major}");
    }
}

#[test]
fn a_name_that_cannot_be_spelled_finds_nothing() {
    let latin = Subject::Relation(vec![b"t\xE4".to_vec()]);
    let utf8 = relation(&["tä"]);
    let subjects = vec![latin.clone(), utf8, relation(&["u"])];
    let sql = CatalogQuestion::Relations(subjects).sql(15, Encoding::SingleByte);
    assert!(sql.contains("(VALUES (2, NULL::pg_catalog.name, 'u'"), "{sql}");
    let sql = CatalogQuestion::Relations(vec![latin]).sql(15, Encoding::Utf8);
    assert_eq!(sql, "SELECT WHERE false");
}

#[test]
fn nothing_finds_an_operator_by_the_search_path() {
    for sql in [
        COLUMNS,
        PREPARED,
        ROUTINES,
        SEARCH_PATH,
        USER_TYPES,
        ARGUMENTS,
        TYPE_UNDER,
        TYPE_ELEMENT,
        USER_TYPE,
        SILENCED,
        ROOT,
        CALLS,
    ] {
        for word in [" IN ", " in ", "NULLIF", "nullif", "BETWEEN", "USING", "LIKE", "DISTINCT"] {
            assert!(!sql.contains(word), "{word}: {sql}");
        }
        // CASE with a value compares by an operator.
        assert_eq!(sql.matches("CASE").count(), sql.matches("CASE WHEN").count(), "{sql}");
        let bare = sql.replace("OPERATOR(pg_catalog.=)", "").replace("OPERATOR(pg_catalog.<>)", "");
        let mut bare = bare.replace("OPERATOR(pg_catalog.>)", "");
        for operator in ["<", ">=", "<=", "&"] {
            bare = bare.replace(&format!("OPERATOR(pg_catalog.{operator})"), "");
        }
        assert!(!bare.contains(['=', '<', '>', '+', '-', '|', '~', '@']), "{bare}");
    }
}

#[test]
fn rows_say_which_subject_they_are_about() {
    let subjects = [relation(&["a"]), Subject::Prepared(b"p".to_vec()), relation(&["b"])];
    let rows = vec![
        row(&["1", "1", "NULL", "NULL", "$1", "3802", "0", "NULL", "f", "NULL", "NULL", "NULL"]),
        row(&["1", "2", "NULL", "NULL", "$2", "1182", "1082", "NULL", "f", "", "", "NULL"]),
        row(&["2", "1", "s", "b", "x", "1043", "0", "41", "t", "a", "", "NULL", "4 1"]),
        row(&["2", "4", "s", "b", "g", "17001", "25", "-1", "f", "", "s", "Es.mood", "4 1"]),
    ];
    let said = said(&subjects, &Answer::from(rows));
    let [
        SubjectAnswer::Relation(none),
        SubjectAnswer::Prepared(parameters),
        SubjectAnswer::Relation(found),
    ] = said.as_slice()
    else {
        panic!("{said:?}");
    };
    assert!(none.is_missing() && !found.is_missing());
    let parameters: Vec<_> = parameters.columns().iter().map(|found| &found.column).collect();
    let types: Vec<_> = parameters.iter().map(|one| (one.type_oid, one.element_oid)).collect();
    assert_eq!((types.as_slice(), parameters[1].modifier), (&[(3802, 0), (1182, 1082)][..], -1));
    assert_eq!((found.schema.as_str(), found.table.as_str()), ("s", "b"));
    let column = |at: usize| &found.columns()[at];
    assert_eq!((column(0).column.modifier, column(0).column.is_nullable), (41, false));
    assert!(column(0).is_identity_always && column(1).is_generated);
    assert_eq!((column(1).column.element_oid, found.position(b"g")), (25, Some(1)));
    let user_type = column(1).column.user_type.as_ref().unwrap();
    assert_eq!((user_type.name.as_str(), user_type.is_enum), ("s.mood", true));
    assert_eq!(found.primary_key(), [1, 0]);
}

#[test]
fn arguments_and_types_are_read() {
    let rows = vec![row(&["25 3802 23"])];
    let kinds = arguments(&Answer::from(rows));
    assert_eq!(kinds, [ValueKind::Character, ValueKind::Json, ValueKind::Other]);
    let rows = vec![row(&["16400", "25"]), row(&["x", "25"])];
    let answer = Answer::from(rows);
    assert_eq!(user_types(&answer).collect::<Vec<_>>(), [(16400, 25)]);
    let sql = CatalogQuestion::UserTypes(vec![16400, 4_000_000_000]).sql(15, Encoding::Utf8);
    assert!(sql.contains("('{16400,4000000000}'::pg_catalog.oid[])"), "{sql}");
}
