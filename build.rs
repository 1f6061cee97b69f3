//! Where the program lies in memory is decided when it is linked, on Linux with glibc.
//!
//! A program that may lie anywhere has 28,000 addresses to correct before it begins, on more than a hundred pages that it then
//! copies for itself: a sixth of what a hook costs, and hooks are run for every step of an agent. What is given up is that
//! its own code lies elsewhere each time: stack, heap and libraries still do, and tables of addresses stay read-only.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
