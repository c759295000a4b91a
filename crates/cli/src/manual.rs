//! `holdfast completions` and `holdfast man`: made from the same definitions as the commands themselves, the endpoints
//! under `call` included, so that neither can be old.

use std::{fs, io, path::PathBuf};

use clap::{Args, Command, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{
    exit::{Exit, Failure},
    screen::Screen,
};

/// What the pages are part of.
const MANUAL: &str = "Holdfast";

/// For which shell.
#[derive(Clone, Debug, Args)]
pub(crate) struct Completions {
    /// The shell 命令行外壳
    #[arg(value_enum)]
    shell: Shell,
}

/// Which pages.
#[derive(Clone, Debug, Args)]
pub(crate) struct Manual {
    /// The command, such as: call preauthed-cancel; that of holdfast itself when it is left out
    /// 命令，如 call preauthed-cancel；省略时为 holdfast 本身
    #[arg(value_name = "COMMAND", verbatim_doc_comment)]
    words: Vec<String>,
    /// Write the pages of all commands into this directory, which is made if it is not there
    /// 将全部手册页写入该目录，不存在则创建
    #[arg(long, value_name = "DIR", conflicts_with = "words", value_hint = ValueHint::DirPath, verbatim_doc_comment)]
    out: Option<PathBuf>,
}

/// Writes the completions of `program` to stdout.
pub(crate) fn completions(
    asked: &Completions,
    mut program: Command,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let mut script = vec![];
    let name = program.get_name().to_owned();
    clap_complete::generate(asked.shell, &mut program, name, &mut script);
    screen.result(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}

/// Writes one page of `program` to stdout, or all of them into files.
pub(crate) fn man(asked: Manual, program: Command, screen: &Screen) -> Result<Exit, Failure> {
    // Every command takes --help; a command of that name has no page of its own.
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let Some(out) = asked.out else {
        let mut command = &program;
        for word in &asked.words {
            command = command.find_subcommand(word).ok_or_else(|| {
                let within = command.get_display_name().unwrap_or(MANUAL);
                Failure::new(
                    Exit::NotFound,
                    format!("{within} has no command {word:?} (没有该命令)"),
                )
                .hint("all commands: holdfast --help")
            })?;
        }
        let text = page(command).map_err(|error| Failure::new(Exit::Unexpected, error))?;
        screen.result(text.trim_end())?;
        return Ok(Exit::Done);
    };
    let broken = |path: &PathBuf, error: io::Error| {
        Failure::new(Exit::Unexpected, format!("write {}: {error}", path.display()))
    };
    fs::create_dir_all(&out).map_err(|error| broken(&out, error))?;
    let mut count = 0_usize;
    let mut left = vec![&program];
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().filter(|command| !command.is_hide_set()));
        let path = out.join(Man::new(command.clone()).get_filename());
        let written = page(command).and_then(|page| fs::write(&path, page));
        written.map_err(|error| broken(&path, error))?;
        count = count.saturating_add(1);
    }
    let dir = out.display();
    screen.say(format_args!("{count} pages are in {dir}: man -l {dir}/holdfast.1 (已写入手册页)"));
    Ok(Exit::Done)
}

/// The page of one command, in UTF-8.
fn page(command: &Command) -> io::Result<String> {
    let man = Man::new(command.clone()).manual(MANUAL);
    let mut page = b".\\\" -*- coding: utf-8 -*-\n".to_vec();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if command.get_after_help().is_some() {
        let mut notes = vec![];
        man.render_extra_section(&mut notes)?;
        // Commands to paste stay on lines of their own.
        let notes =
            String::from_utf8_lossy(&notes).replacen(".SH EXTRA\n", ".SH EXAMPLES\n.nf\n", 1);
        page.extend_from_slice(notes.as_bytes());
        page.extend_from_slice(b".fi\n");
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}
