//! Function calls (`F`), which large objects are made of.

use super::{exact, log_in, say};
use crate::support::{Body, Cluster, Proxy, Wire, both};

/// OIDs of functions never change. Source: PostgreSQL, `src/include/catalog/pg_proc.dat`.
const LO_CREATE: i32 = 715;
const LO_OPEN: i32 = 952;
const LO_CLOSE: i32 = 953;
const LOREAD: i32 = 954;
const LOWRITE: i32 = 955;
const LO_LSEEK: i32 = 956;
const INT4DIV: i32 = 154;

/// All arguments and the result in binary.
fn call(wire: &mut Wire, function: i32, arguments: &[&[u8]]) -> String {
    let count = i16::try_from(arguments.len()).unwrap();
    let body = Body::default().int32(function).int16(1).int16(1).int16(count);
    let body = arguments.iter().fold(body, |body, argument| {
        body.int32(i32::try_from(argument.len()).unwrap()).bytes(argument)
    });
    exact(&wire.send(b'F', body.int16(1)).until_ready())
}

#[test]
fn large_object_by_function_calls() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let int = |value: i32| value.to_be_bytes();
        let oid = 4_000_000;
        let mut said = say(&mut wire, "BEGIN");
        said += &call(&mut wire, LO_CREATE, &[&int(oid)]);
        said += &call(&mut wire, LO_OPEN, &[&int(oid), &int(0x6_0000)]);
        // Zero bytes are what a large object may well hold.
        said += &call(&mut wire, LOWRITE, &[&int(0), &[0, 1, 0, 255].repeat(20_000)]);
        said += &call(&mut wire, LO_LSEEK, &[&int(0), &int(2), &int(0)]);
        said += &call(&mut wire, LOREAD, &[&int(0), &int(70_000)]);
        said += &call(&mut wire, LO_CLOSE, &[&int(0)]);
        said += &say(&mut wire, "COMMIT");
        said += &say(&mut wire, format!("SELECT md5(lo_get({oid})), length(lo_get({oid}))"));
        said += &say(&mut wire, format!("SELECT lo_unlink({oid})"));
        said
    });
    assert!(said.contains(" 80000\n"), "{}", &said[said.len() - 200..]);
}

#[test]
fn function_calls_that_fail() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let int = |value: i32| value.to_be_bytes();
        let mut said = call(&mut wire, INT4DIV, &[&int(7), &int(2)]);
        said += &call(&mut wire, INT4DIV, &[&int(7), &int(0)]);
        said += &call(&mut wire, 3, &[]);
        said += &call(&mut wire, INT4DIV, &[&int(7)]);
        said += &say(&mut wire, "BEGIN; SELECT nope");
        said += &call(&mut wire, INT4DIV, &[&int(7), &int(1)]);
        said += &say(&mut wire, "ROLLBACK");
        said
    });
    assert!(said.contains("V \\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x03\n"), "{said}");
    assert!(said.contains("22012"), "{said}");
}

#[test]
fn arguments_that_are_characters_are_mended() {
    const TEXTCAT: i32 = 1258;
    const BYTEACAT: i32 = 2011;
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&Proxy::shared().endpoint(database.endpoint()));
    for _ in 0..2 {
        let said = call(&mut wire, TEXTCAT, &[b"<\0", b"\0b>"]);
        assert!(said.contains("<  b>"), "{said}");
        let said = call(&mut wire, BYTEACAT, &[b"<\0", b"\0b>"]);
        assert!(said.contains(r"<\x00\x00b>"), "{said}");
    }
}
