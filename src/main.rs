//! The `costsim` program: exit codes and the closed pipe; nothing else.
fn main() {}
