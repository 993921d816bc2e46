//! Truceline under libFuzzer: the targets, and the memory that an input may take. See `README.md`.

pub mod memory;
pub mod targets;

#[doc(hidden)]
pub use libfuzzer_sys;

use targets::{Target, named};

/// What a program does first: where `FUZZ_SEEDS` names a folder, it writes the target's seeds there and ends. Else it runs one, so
/// that what is made once is not counted as an input's.
///
/// # Panics
/// Where the seeds cannot be written.
#[must_use]
pub fn begin(name: &str) -> &'static Target {
    let target = named(name);
    let seeds = (target.seeds)();
    if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
        for (seed, at) in seeds.iter().zip(0..) {
            let file = std::path::Path::new(&folder).join(format!("seed-{at}"));
            std::fs::write(file, seed).expect("the folder can be written to");
        }
        std::process::exit(0);
    }
    seeds.iter().take(1).for_each(|seed| (target.run)(seed));
    target
}

/// A program that runs the target of this name, within [`memory::BYTES_MAX`].
#[macro_export]
macro_rules! run {
    ($name:literal) => {
        #[global_allocator]
        static COUNTED: $crate::memory::Counted = $crate::memory::Counted;

        static TARGET: std::sync::LazyLock<&$crate::targets::Target> =
            std::sync::LazyLock::new(|| $crate::begin($name));

        $crate::libfuzzer_sys::fuzz_target!(
            init: {
                let _ = *TARGET;
            },
            |data: &[u8]| {
                let run = TARGET.run;
                $crate::memory::within(|| run(data));
            }
        );
    };
}
