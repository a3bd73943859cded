//! Compilation in a child process that can be killed: it is outside wasmtime's promise for hostile input.

use crate::config::{CompileLimits, Compiler};
use crate::engine;
use crate::program::ProgramError;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// The child gives way to sessions.
const CHILD_NICE: i32 = 5;
const STDERR_BYTES: u64 = 4_096;

/// Compiles `wasm` into `output`.
pub(crate) async fn compile(wasm: Vec<u8>, output: &Path, compiler: &Compiler, limits: &CompileLimits) -> Result<(), ProgramError> {
    let executable = match compiler {
        Compiler::InProcess => return in_process(wasm, output).await,
        Compiler::Executable(path) => path.clone(),
        Compiler::ThisExecutable => this_executable()?,
    };
    let failed = |what: String| ProgramError::Compile(what);
    let file = File::create(output).map_err(|error| cache_error(&error, output))?;
    let mut child = Command::new(&executable)
        .arg(crate::COMPILE_CHILD)
        .arg(limits.memory_bytes.to_string())
        .arg(limits.cpu.as_secs_f64().ceil().max(1.0).to_string())
        .arg(limits.output_bytes.to_string())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::from(file))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("{} can't be started as compile child: {error}", executable.display())))?;
    let (Some(mut stdin), Some(stderr)) = (child.stdin.take(), child.stderr.take()) else {
        return Err(failed("the compile child has no pipes".into()));
    };
    let talk = async {
        // A child that ends early breaks the pipe; its exit says why.
        let write = async {
            let _ = stdin.write_all(&wasm).await;
            drop(stdin);
        };
        let mut reason = Vec::new();
        let mut stderr = stderr.take(STDERR_BYTES);
        let (_, read) = tokio::join!(write, stderr.read_to_end(&mut reason));
        read?;
        Ok::<_, std::io::Error>((child.wait().await?, reason))
    };
    match tokio::time::timeout(limits.wall, talk).await {
        Ok(Ok((status, _))) if status.success() => Ok(()),
        Ok(Ok((status, reason))) => {
            let reason = String::from_utf8_lossy(&reason);
            Err(failed(match reason.trim() {
                "" => format!(
                    "the compile child ended with {status}: it needs more than {} MiB of memory, {} s of CPU time or {} MiB of output",
                    limits.memory_bytes >> 20,
                    limits.cpu.as_secs(),
                    limits.output_bytes >> 20
                ),
                reason => reason.to_owned(),
            }))
        }
        Ok(Err(error)) => Err(failed(format!("the compile child can't be reached: {error}"))),
        Err(_) => Err(failed(format!("took more than {} s and was ended", limits.wall.as_secs()))),
    }
}

/// The running executable, also if its file was replaced by a newer build.
fn this_executable() -> Result<PathBuf, ProgramError> {
    let own = PathBuf::from("/proc/self/exe");
    if own.exists() {
        return Ok(own);
    }
    std::env::current_exe().map_err(|error| ProgramError::Compile(format!("this executable is not found: {error}")))
}

async fn in_process(wasm: Vec<u8>, output: &Path) -> Result<(), ProgramError> {
    let output = output.to_owned();
    let work = move || {
        let compiled = engine::compiling().and_then(|engine| engine.precompile_component(&wasm));
        let compiled = compiled.map_err(|error| ProgramError::Compile(format!("{error:#}")))?;
        std::fs::write(&output, compiled).map_err(|error| cache_error(&error, &output))
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(ProgramError::Compile(error.to_string())))
}

pub(crate) fn cache_error(error: &std::io::Error, path: &Path) -> ProgramError {
    ProgramError::Cache(error.to_string(), path.display().to_string())
}

/// See [`crate::compile_child_main`].
pub(crate) fn child_main() -> ExitCode {
    match child() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "{reason}");
            ExitCode::FAILURE
        }
    }
}

fn child() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args()
        .skip_while(|argument| argument != crate::COMPILE_CHILD)
        .skip(1)
        .collect();
    let [memory, cpu, output] = &arguments[..] else {
        return Err("usage: compile-child MEMORY-BYTES CPU-SECONDS OUTPUT-BYTES < component > code".into());
    };
    for (resource, limit) in [
        (Resource::As, memory),
        (Resource::Cpu, cpu),
        (Resource::Fsize, output),
        (Resource::Core, &"0".to_owned()),
    ] {
        let limit: u64 = limit.parse().map_err(|_| format!("\"{limit}\" is not a number"))?;
        let both = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, both).map_err(|error| format!("limit {resource:?} can't be set: {error}"))?;
    }
    let _ = rustix::process::nice(CHILD_NICE);
    let mut wasm = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut wasm)
        .map_err(|error| format!("the component can't be read: {error}"))?;
    let compiled = engine::compiling()
        .and_then(|engine| engine.precompile_component(&wasm))
        .map_err(|error| format!("{error:#}"))?;
    std::io::stdout()
        .lock()
        .write_all(&compiled)
        .map_err(|error| format!("the code can't be written: {error}"))
}
