//! The `oversight` program: everything is in the library.

use std::process::ExitCode;

/// Freed memory goes back to the system, and small allocations of many threads do not meet at one lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    oversight::cli::run()
}
