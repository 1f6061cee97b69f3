//! How the program is linked on Linux with glibc: at a fixed place, and with GCC's unwinder within.
//!
//! A hook is run for every step of an agent, and half of what it costs is how a program begins. A program that may lie
//! anywhere has 28,000 addresses to correct before it begins, on more than a hundred pages that it then copies for itself: a
//! sixth of what a hook costs. What is given up is that its own code lies elsewhere each time: stack, heap and libraries still
//! do, and tables of addresses stay read-only.
//!
//! To load the unwinder, `libgcc_s`, takes up to a tenth, and no hook needs it. It has an archive as well, which Rust asks for
//! only where the C library is static too; that one stays a library, since what looks up users and hosts is loaded by it.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
        // Another machine's archives are not found by asking this one's compiler.
        if env::var_os("HOST") == env::var_os("TARGET") {
            take_unwinder_in()?;
        }
    }
    Ok(())
}

/// Has the name under which Rust links the unwinder mean its archives, where they are installed. Each linker takes a text that
/// is called like a library for a list of what to link in its place: glibc's own `libc.so` is one.
fn take_unwinder_in() -> io::Result<()> {
    if let (Some(unwinder), Some(arithmetic)) = (find("libgcc_eh.a"), find("libgcc.a")) {
        let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where"));
        fs::write(folder.join("libgcc_s.so"), format!("GROUP({unwinder} {arithmetic})\n"))?;
        println!("cargo::rustc-link-arg-bins=-L{}", folder.display());
    }
    Ok(())
}

/// Where the compiler that links finds `file`.
fn find(file: &str) -> Option<String> {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let output = Command::new(linker).arg(format!("-print-file-name={file}")).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    // A name without a folder is the question back: it knows of none. Nor can every path stand in a list.
    (Path::new(&path).is_absolute() && !path.contains(|c: char| c.is_whitespace() || "()\",".contains(c))).then_some(path)
}
