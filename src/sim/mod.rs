//! The engine: event loop, queue, random streams, samplers, servers. It knows no AWS, does no I/O and reads no clock.

pub mod allowance;
pub mod backlog;
pub mod engine;
pub mod gauge;
pub mod processor_sharing;
pub mod queue;
pub mod random;
pub mod sampler;
