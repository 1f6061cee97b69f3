#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::source_payload::check(input));
