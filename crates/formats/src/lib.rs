//! Formats of other programs that are written here: event files that TensorBoard reads, which are messages of protocol buffers. Bytes go in
//! and out; files are the caller's.

pub mod events;
mod protobuf;
