//! The engine: random streams, samplers, the event queue. It knows no AWS, does no I/O and reads no clock.

pub mod random;
pub mod sampler;
