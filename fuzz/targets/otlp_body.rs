#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::otlp_body::check(input));
