//! How a program gets ready: imports, the compile child, the cache.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use support::{ALL, compiler, hostile, requested};
use youji_runtime::*;

#[test]
fn imports_must_be_requested() {
    let imports = check_imports(hostile(), &requested(ALL)).expect("all are requested");
    let names: Vec<_> = imports.iter().map(|capability| capability.name()).collect();
    assert_eq!(names, ["payment", "storage", "navigation", "clock", "log"]);

    let without: Vec<_> = ALL.iter().copied().filter(|name| *name != "storage").collect();
    let error = check_imports(hostile(), &requested(&without)).expect_err("storage is not requested");
    assert!(error.to_string().contains(r#"{"name": "storage", "reason": "…"}"#), "{error}");

    assert!(matches!(
        check_imports(b"\0asm\x01\0\0\0", &requested(ALL)),
        Err(ImportError::NotAComponent(_))
    ));
    assert!(matches!(
        check_imports(&hostile()[..200], &requested(ALL)),
        Err(ImportError::NotAComponent(_))
    ));
    let component = |text: &str| wat::parse_str(text).expect("it is well formed");
    let wasi = component(r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance)))"#);
    match check_imports(&wasi, &requested(ALL)) {
        Err(ImportError::Unknown { import }) => assert_eq!(import, "wasi:clocks/monotonic-clock@0.2.0"),
        other => panic!("WASI is not offered: {other:?}"),
    }
    let foreign = component(r#"(component (import "youji:miniapp/teleport@1.0.0" (instance)))"#);
    assert!(matches!(check_imports(&foreign, &requested(ALL)), Err(ImportError::Unknown { .. })));
    assert_eq!(
        check_imports(&component("(component)"), &requested(ALL)),
        Err(ImportError::NoProgram)
    );
    // A script engine says why it ends; its text it is given with the launch, and none may ask for one.
    let fails = component(r#"(component (import "youji:script/failure@1.0.0" (instance)))"#);
    assert_eq!(check_imports(&fails, &requested(ALL)), Err(ImportError::NoProgram));
    let asks = component(r#"(component (import "youji:script/source@1.0.0" (instance)))"#);
    assert!(matches!(check_imports(&asks, &requested(ALL)), Err(ImportError::Unknown { .. })));
}

fn runtime(folder: &Path, change: impl FnOnce(&mut RuntimeConfig)) -> Arc<Runtime> {
    let mut config = RuntimeConfig::new(folder.join("compiled"));
    config.max_sessions = 8;
    config.compiler = compiler();
    change(&mut config);
    Runtime::new(config).expect("the engine starts")
}

/// Asks for the guest; says whether its bytes were wanted.
async fn get(runtime: &Runtime) -> (Result<Arc<Program>, ProgramError>, bool) {
    let asked = Arc::new(AtomicU32::new(0));
    let inside = asked.clone();
    let wasm = move || {
        inside.fetch_add(1, Relaxed);
        Ok(hostile().to_vec())
    };
    let program = runtime.program("abc", &requested(ALL), wasm).await;
    (program, asked.load(Relaxed) > 0)
}

#[tokio::test]
async fn compiled_once_then_cached_and_never_loaded_when_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = runtime(folder.path(), |_| {});
    let (one, two) = tokio::join!(get(&first), get(&first));
    assert!(one.0.is_ok() && two.0.is_ok() && one.1 != two.1, "one compilation for two who ask");
    assert!(!get(&first).await.1, "from memory");
    assert_eq!(first.metrics().compiled, 1);

    let second = runtime(folder.path(), |_| {});
    let (program, compiled) = get(&second).await;
    assert!(!compiled, "from disk");
    assert_eq!(program.expect("it loads").steps().len(), 1);

    let compiled = folder.path().join("compiled");
    assert_eq!(compiled.metadata().expect("it is there").permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = std::fs::read_dir(&compiled)
        .expect("it lists")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(
        files.iter().all(|file| file.extension().is_none_or(|name| name != "draft")),
        "{files:?}"
    );
    let code = files
        .iter()
        .find(|file| file.extension().is_some_and(|name| name == "cwasm"))
        .expect("the code");
    let mut bytes = std::fs::read(code).expect("it reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(code, bytes).expect("it writes");
    let third = runtime(folder.path(), |_| {});
    let (program, compiled) = get(&third).await;
    assert!(program.is_ok() && compiled, "one changed bit and it is compiled again");
}

#[tokio::test]
async fn the_compile_child_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    type Change = fn(&mut RuntimeConfig);
    let cases: [(Change, &str); 4] = [
        (|config| config.compile.wasm_bytes = 1_000, "the limit is 1000"),
        (|config| config.compile.memory_bytes = 24 << 20, "compiling failed"),
        (|config| config.compile.output_bytes = 1_000, "compiling failed"),
        (|config| config.compile.wall = Duration::from_millis(1), "was ended"),
    ];
    for (change, says) in cases {
        let runtime = runtime(folder.path(), change);
        match get(&runtime).await.0 {
            Err(error) => assert!(error.to_string().contains(says), "{error}"),
            Ok(_) => panic!("compiles in spite of the limit: {says}"),
        }
    }
    let (program, _) = get(&runtime(folder.path(), |_| {})).await;
    assert!(program.is_ok(), "what failed left nothing behind");
}

#[tokio::test]
async fn garbage_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path(), |_| {});
    let refused = runtime.program("x", &requested(ALL), || Ok(b"hello".to_vec())).await;
    assert!(matches!(refused, Err(ProgramError::Import(ImportError::NotAComponent(_)))));
    let unreadable = runtime.program("y", &requested(ALL), || Err("no such file".into())).await;
    assert!(matches!(unreadable, Err(ProgramError::Read(reason)) if reason == "no such file"));
    // The name and the imports are right, the body is not.
    let mut broken = hostile().to_vec();
    let end = broken.len();
    broken.truncate(end - 5_000);
    assert!(runtime.program("z", &requested(ALL), move || Ok(broken)).await.is_err());
}
