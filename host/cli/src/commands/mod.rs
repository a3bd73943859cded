//! One file a command; each has its arguments, its examples and `run`.

mod bench;
mod build;
mod check;
mod compact;
pub(crate) mod compile_child;
mod completions;
mod decode;
mod demo;
mod dev;
mod doctor;
mod drive;
mod install;
mod keygen;
mod kiosk;
mod ledger;
mod merchant;
mod new;
mod person;
mod posters;
mod programs;
mod publish;
mod qr;
mod replay;
mod rollback;
mod scan;
mod serve;
mod test;
mod yank;

use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;

/// What `youji` can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build and publish the sample programs, make demonstration people, open the kiosk
    Demo(demo::Arguments),
    /// Open the kiosk on a data folder as it is; builds nothing
    Serve(serve::Arguments),
    /// Show a kiosk full screen in Chromium, and bring it back after a crash
    Kiosk(kiosk::Arguments),
    /// Do with a picture of a code what a kiosk does, without a browser
    Scan(scan::Arguments),
    /// Read the codes in a picture
    Decode(decode::Arguments),
    /// Make a code: on the terminal, as SVG, as PNG
    Qr(qr::Arguments),
    /// Make a sheet of codes to print
    Posters(posters::Arguments),
    /// Show who used a person's data and money, or write all of it into a file for them
    Person(person::Arguments),
    /// Enrol merchants; make and revoke the keys of their own servers
    Merchant(merchant::Arguments),
    /// Make a mini-program from a template
    New(new::Arguments),
    /// Build and sign the mini-program in this folder
    Build(build::Arguments),
    /// Build the mini-program in this folder at every save, and show it in a simulator
    Dev(dev::Arguments),
    /// Run the unit tests and the scenarios of the mini-program in this folder
    Test(test::Arguments),
    /// Look at the mini-program in this folder before it is published: size, permissions, views, accessibility, translations
    Check(check::Arguments),
    /// Play a recorded session again, and compare every view
    Replay(replay::Arguments),
    /// Put the mini-program in this folder into the local registry, where the kiosk opens it, or send it to another host
    Publish(publish::Arguments),
    /// Withdraw a version that you published
    Yank(yank::Arguments),
    /// Take in a package that somebody else signed
    Install(install::Arguments),
    /// Show what is installed and from where, ask the registries for news, allow publishers
    Programs(programs::Arguments),
    /// Put another version of a program in the place of the one that opens
    Rollback(rollback::Arguments),
    /// Make a key to sign mini-programs with
    Keygen(keygen::Arguments),
    /// Say what is missing on this machine or in this project, and how to get it
    Doctor(doctor::Arguments),
    /// Take what belonged to erased people, and what was overwritten, out of the log
    Compact(compact::Arguments),
    /// Print completions for a shell
    Completions(completions::Arguments),
    /// Play persons without a browser through a scenario file
    Drive(drive::Arguments),
    /// Check the books from the log alone, read out statements and transfers
    Ledger(ledger::Arguments),
    /// Measure, and print figures with the machine beside them
    Bench(bench::Arguments),
    /// Compile a component from stdin to stdout within limits; the host starts this itself
    #[command(hide = true, name = "compile-child")]
    CompileChild,
}

/// Runs it.
///
/// # Errors
/// What went wrong and what to do; printed by `main`, exit code 1.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Kiosk(arguments) => kiosk::run(arguments),
        Command::Scan(arguments) => scan::run(arguments),
        Command::Decode(arguments) => decode::run(arguments),
        Command::Qr(arguments) => qr::run(arguments),
        Command::Posters(arguments) => posters::run(arguments),
        Command::Person(arguments) => person::run(arguments),
        Command::Merchant(arguments) => merchant::run(arguments),
        Command::New(arguments) => new::run(arguments),
        Command::Build(arguments) => build::run(arguments),
        Command::Dev(arguments) => dev::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Publish(arguments) => publish::run(arguments),
        Command::Yank(arguments) => yank::run(arguments),
        Command::Install(arguments) => install::run(arguments),
        Command::Programs(arguments) => programs::run(arguments),
        Command::Rollback(arguments) => rollback::run(arguments),
        Command::Keygen(arguments) => keygen::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Compact(arguments) => compact::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Drive(arguments) => drive::run(arguments),
        Command::Ledger(arguments) => ledger::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::CompileChild => Ok(compile_child::run()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    /// The terminal's width breaks the lines of a paragraph; a source that breaks them too leaves single words on lines of their own.
    fn check(command: &Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines: Vec<&str> = help.lines().collect();
        for pair in lines.windows(2) {
            let goes_on = pair[0].len() > 80 && !pair[0].starts_with(' ') && !pair[1].is_empty() && !pair[1].starts_with(' ');
            assert!(!goes_on, "youji {}: a paragraph is broken after: {}", command.get_name(), pair[0]);
        }
    }

    #[test]
    fn paragraphs_of_help_are_one_line_in_the_source() {
        let all = crate::Arguments::command();
        check(&all);
        assert!(all.get_subcommands().count() > 20);
        for command in all.get_subcommands() {
            check(command);
            command.get_subcommands().for_each(check);
        }
    }
}
