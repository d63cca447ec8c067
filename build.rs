//! Lets the built programs find libtorch by themselves: its folder goes into their run path. Puts the web page into them,
//! where it has been built (`make web`).

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where the page's build leaves its files. The folder above is in the repository, so that it can be watched.
const PAGE: &str = "web/dist/page";

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=web/dist");
    embed_page();
    link_torch();
}

/// Writes a table of the page's files, which `src/ui/files.rs` includes; an empty one where it has not been built.
fn embed_page() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join(PAGE);
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut table = String::from("/// The files of the page.\npub(super) const PAGE: &[Embedded] = &[\n");
    for file in &files {
        let path = file.strip_prefix(&root).expect("it was found below").to_string_lossy().replace('\\', "/");
        table +=
            &format!("    Embedded {{ path: {path:?}, bytes: include_bytes!({:?}) }},\n", file.display().to_string());
    }
    table += "];\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("page.rs");
    fs::write(&out, table).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn link_torch() {
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
