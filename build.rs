//! Lets the built programs find libtorch by themselves: its folder goes into their run path.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    // beside the binary of a checkout, of an installed package, of an archive
    for place in ["$ORIGIN/../../.libtorch/lib", "$ORIGIN/../lib/oversight", "$ORIGIN/lib"] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{place}");
    }
    match env::var("LIBTORCH") {
        Ok(folder) if Path::new(&folder).join("lib").is_dir() => {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}/lib");
        }
        _ => println!("cargo:warning=libtorch is not there yet: run scripts/libtorch.sh first (make does)"),
    }
}
