//! Compile, instantiate, drive, limit and unload mini-programs: the only crate that names wasmtime.
