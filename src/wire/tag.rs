//! The tag bytes of the messages that the proxy tells apart.
//!
//! Source: PostgreSQL manual, "Message Formats". A tag means different messages in the two
//! directions, so the names say which.

/// Bind, from the client.
pub const BIND: u8 = b'B';
/// Close, from the client.
pub const CLOSE: u8 = b'C';
/// CopyData, both ways.
pub const COPY_DATA: u8 = b'd';
/// CopyDone, both ways.
pub const COPY_DONE: u8 = b'c';
/// CopyFail, from the client.
pub const COPY_FAIL: u8 = b'f';
/// Describe, from the client.
pub const DESCRIBE: u8 = b'D';
/// Execute, from the client.
pub const EXECUTE: u8 = b'E';
/// Flush, from the client.
pub const FLUSH: u8 = b'H';
/// FunctionCall, from the client.
pub const FUNCTION_CALL: u8 = b'F';
/// Parse, from the client.
pub const PARSE: u8 = b'P';
/// PasswordMessage, SASLInitialResponse, SASLResponse and GSSResponse, from the client.
pub const PASSWORD: u8 = b'p';
/// Query, from the client.
pub const QUERY: u8 = b'Q';
/// Sync, from the client.
pub const SYNC: u8 = b'S';
/// Terminate, from the client.
pub const TERMINATE: u8 = b'X';

/// Every Authentication message, from the target.
pub const AUTHENTICATION: u8 = b'R';
/// BackendKeyData, from the target.
pub const BACKEND_KEY_DATA: u8 = b'K';
/// BindComplete, from the target.
pub const BIND_COMPLETE: u8 = b'2';
/// CloseComplete, from the target.
pub const CLOSE_COMPLETE: u8 = b'3';
/// CommandComplete, from the target.
pub const COMMAND_COMPLETE: u8 = b'C';
/// CopyBothResponse, from the target.
pub const COPY_BOTH_RESPONSE: u8 = b'W';
/// CopyInResponse, from the target.
pub const COPY_IN_RESPONSE: u8 = b'G';
/// CopyOutResponse, from the target.
pub const COPY_OUT_RESPONSE: u8 = b'H';
/// DataRow, from the target.
pub const DATA_ROW: u8 = b'D';
/// EmptyQueryResponse, from the target.
pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
/// ErrorResponse, from the target.
pub const ERROR_RESPONSE: u8 = b'E';
/// NegotiateProtocolVersion, from the target.
pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
/// NoData, from the target.
pub const NO_DATA: u8 = b'n';
/// NoticeResponse, from the target.
pub const NOTICE_RESPONSE: u8 = b'N';
/// NotificationResponse, from the target.
pub const NOTIFICATION_RESPONSE: u8 = b'A';
/// ParameterDescription, from the target.
pub const PARAMETER_DESCRIPTION: u8 = b't';
/// ParameterStatus, from the target.
pub const PARAMETER_STATUS: u8 = b'S';
/// ParseComplete, from the target.
pub const PARSE_COMPLETE: u8 = b'1';
/// PortalSuspended, from the target.
pub const PORTAL_SUSPENDED: u8 = b's';
/// ReadyForQuery, from the target.
pub const READY_FOR_QUERY: u8 = b'Z';
/// RowDescription, from the target.
pub const ROW_DESCRIPTION: u8 = b'T';
