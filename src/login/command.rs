//! Logins of commands at the target: as any of the proxy's own, and then handed to a client library
//! that believes it logs in itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{FRAME_BYTES_MAX, read_frame};
use super::{GREETING_BYTES_MAX, target_login};
use crate::auth::Credential;
use crate::stream::Stream;
use crate::target::Target;
use crate::wire::{self, tag};

/// As whom a command logs in, and how its session begins.
#[derive(Clone, Copy, Debug)]
pub struct CommandLogin<'a> {
    /// The role.
    pub user: &'a str,
    /// Its password, if there is one.
    pub password: Option<&'a str>,
    /// The database.
    pub database: &'a str,
    /// Settings of the session, as arguments of the server.
    pub options: Option<&'a str>,
    /// What the session calls itself.
    pub application_name: &'a str,
}

impl CommandLogin<'_> {
    /// Logs in; what the target says to it, AuthenticationOk or an error, is still to be read from
    /// the stream.
    ///
    /// # Errors
    /// The target cannot be reached, or asks for what the proxy cannot or may not do.
    pub async fn log_in(&self, target: &Target) -> io::Result<ResumedStream> {
        let credential = match self.password {
            Some(password) => Credential::Password(password.to_owned()),
            None => Credential::None,
        };
        let packet = self.packet();
        let opened = target_login::log_in(target, None, &packet, self.user, &credential).await?;
        let mut opened = opened.map_err(|error| io::Error::other(error.message))?;
        let mut process = None;
        // The greeting is read up to the key, or to what stands in its place.
        let is_in = opened.said.first() == Some(&tag::AUTHENTICATION);
        while is_in && process.is_none() && opened.said.len() < GREETING_BYTES_MAX {
            let Ok(frame) = read_frame(&mut opened.target, FRAME_BYTES_MAX).await else { break };
            opened.said.extend_from_slice(&frame.bytes);
            match frame.tag {
                tag::BACKEND_KEY_DATA => process = frame.body().first_chunk().copied(),
                tag::PARAMETER_STATUS | tag::NOTICE_RESPONSE => {}
                _ => break,
            }
        }
        let process = process.map(i32::from_be_bytes);
        let (stream, said) = (opened.target, opened.said);
        Ok(ResumedStream { stream, said, process, packet: Packet::default() })
    }

    /// The startup packet, of protocol 3.0.
    fn packet(&self) -> Vec<u8> {
        let mut packet = b"\0\0\0\0\0\x03\0\0".to_vec();
        let named = [
            ("client_encoding", Some("UTF8")),
            ("application_name", Some(self.application_name)),
            ("options", self.options),
        ];
        for (name, value) in named {
            let Some(value) = value else { continue };
            for text in [name, value] {
                packet.extend_from_slice(text.as_bytes());
                packet.push(0);
            }
        }
        packet.push(0);
        wire::with_user(&packet, self.user, self.database)
    }
}

/// A target that has let the proxy in. The startup packet that is written first goes nowhere, since
/// the target has got one; what the target said to it is read first.
#[derive(Debug)]
pub struct ResumedStream {
    stream: Stream,
    said: Vec<u8>,
    process: Option<i32>,
    packet: Packet,
}

impl ResumedStream {
    /// The process that the key for cancels names.
    pub fn process(&self) -> Option<i32> {
        self.process
    }
}

/// How much of the startup packet has been written.
#[derive(Debug)]
enum Packet {
    /// These bytes of its length.
    Length(Vec<u8>),
    /// All but this many bytes.
    Rest(usize),
}

impl Default for Packet {
    fn default() -> Self {
        Packet::Length(Vec::new())
    }
}

impl Packet {
    /// Takes what belongs to the packet; gives the number of bytes.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        for &byte in bytes {
            match self {
                Packet::Rest(0) => break,
                Packet::Rest(rest) => *rest -= 1,
                Packet::Length(length) => {
                    length.push(byte);
                    if let Ok(whole) = <[u8; 4]>::try_from(length.as_slice()) {
                        let whole = usize::try_from(u32::from_be_bytes(whole)).unwrap_or(0);
                        *self = Packet::Rest(whole.saturating_sub(4));
                    }
                }
            }
            taken += 1;
        }
        taken
    }
}

impl AsyncRead for ResumedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let taken = self.said.len().min(buf.remaining());
        buf.put_slice(&self.said.drain(..taken).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ResumedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = self.packet.take(bytes);
        let rest = bytes.get(taken..).unwrap_or_default();
        if taken > 0 && rest.is_empty() {
            return Poll::Ready(Ok(taken));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
        Poll::Ready(Ok(taken + written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_is_taken_and_nothing_behind_it() {
        let bytes = b"\0\0\0\x08abcdQ\0\0\0\x04";
        for cut in 0..bytes.len() {
            let mut packet = Packet::default();
            let (one, two) = bytes.split_at(cut);
            assert_eq!(packet.take(one), cut.min(8), "{cut}");
            assert_eq!(packet.take(two), 8 - cut.min(8), "{cut}");
            assert_eq!(packet.take(b"x"), 0);
        }
    }
}
