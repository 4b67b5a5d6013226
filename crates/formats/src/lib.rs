//! Formats of other programs that are written here: models as ONNX, and event files that TensorBoard reads. Both are messages of protocol
//! buffers. Bytes go in and out; files are the caller's.

pub mod events;
pub mod onnx;
mod protobuf;
