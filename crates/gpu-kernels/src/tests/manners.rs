//! What the device does apart from numbers.
