//! Bytes of the PostgreSQL protocol: frames cut and bounded, messages viewed without copying, our
//! own messages built. Knows no sockets, no SQL, no mapping.

mod answer;
mod bind_body;
mod build;
mod conditions;
mod cut_number;
mod frame;
mod message;
mod relay_buffer;
mod row_description;
mod startup_packet;
mod startup_settings;
pub mod tag;
mod transaction_status;

pub use answer::{ANSWER_BYTES_MAX, Answer, AnswerRow, AnswerTooLong, Failure};
pub use bind_body::{BindBody, Parameter, ParameterReader, ValuePiece, bound_statement};
pub use build::{
    ErrorAbout, FAILING_SQL, OWN_GROUP_CLOSES, OwnError, Severity, error_response, execute,
    notice_of_success, notice_response, own_group, own_group_in_pipeline, own_probe,
    parameter_description, parse, put_body, query, question, with_body,
};
pub use conditions::condition_name;
pub(crate) use cut_number::CutNumber;
pub use frame::{FrameError, HEAD_BYTES, Head, head};
pub use message::{
    AUTHENTICATION_CLEARTEXT_PASSWORD, AUTHENTICATION_MD5_PASSWORD, AUTHENTICATION_OK,
    AUTHENTICATION_SASL, AUTHENTICATION_SASL_CONTINUE, AUTHENTICATION_SASL_FINAL, ParseView,
    authentication, command_rows, cstring, data_row_text, error_field, parameter_oids,
    parameter_status, parse_view, ready_status, with_error_bytes, with_error_fields, with_position,
};
pub use relay_buffer::RelayBuffer;
pub use row_description::{field_names, with_field_names};
pub use startup_packet::{
    StartupPacket, StartupParameters, UNTAGGED_HEAD_BYTES, cancel_request, logged, printable,
    startup_packet, with_search_path, with_user,
};
pub use transaction_status::TransactionStatus;
