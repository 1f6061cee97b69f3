#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::mcp_lines::check(input));
