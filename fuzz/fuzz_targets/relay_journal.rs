//! libFuzzer's program of one target: see `src/targets/`.

#![no_main]

truceline_fuzz::run!("relay_journal");
