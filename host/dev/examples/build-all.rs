//! Builds every mini-program of a workspace and prints what came out: `cargo run -p youji-dev --example build-all -- OUT`.

use std::path::Path;
use std::time::Instant;
use youji_dev::{Options, build_all, publisher_key};

#[allow(clippy::print_stdout, reason = "what an example is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).ok_or("expected a folder for the packages")?;
    let out = Path::new(&out);
    let key = publisher_key(&out.join("publisher.key"))?;
    let started = Instant::now();
    for built in build_all(&Options::new(Path::new("."), out, &key), &mut |step| println!("{step:?}"))? {
        println!("{} {} {:?} unchanged: {}", built.app_id, built.digest, built.sizes, built.unchanged);
        println!("  imports {}", built.imports.join(", "));
    }
    println!("{:?}", started.elapsed());
    Ok(())
}
