//! `clarke man`: one page with every command, exit codes, environment and files, or the page of one command.

use super::exit;
use super::flags::Cli;
use super::help::EXAMPLES;
use super::print;
use crate::error::{Error, Kind, Result};
use clap::CommandFactory;
use clap::builder::Resettable;
use clap_mangen::Man;

/// Variables that change what happens.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("CLARKE_CACHE", "the folder that keeps how adapters are best used [clarke in the user's cache folder]"),
    ("CLARKE_SOFTWARE_GPU", "1: drivers that compute on the CPU count as GPUs for --device auto and gpu"),
    ("NO_COLOR", "not empty: no colours, unless --color always"),
    ("RAYON_NUM_THREADS", "how many threads there are where --threads does not say"),
];

/// What is read and written.
const FILES: &[(&str, &str)] = &[
    (".onnx .npz .safetensors .nnet", "networks; .onnx with its external data beside it"),
    (".npy .npz .csv .png .jpg IDX", "centres, boxes and expected outputs"),
    (".vnnlib", "properties: a box of inputs, and for `clarke batch` what may not happen at the outputs"),
    ("--certificate FILE", "what proves a pair, as JSON; `clarke check` derives it again"),
    ("--plot FILE", "both ends against time, .svg or .csv"),
    ("--out FILE", "the result instead of on stdout"),
    ("-o RUN.jsonl", "a journal of `clarke certify` or `clarke batch`, which the same command goes on with"),
    ("(none)", "there is no configuration file"),
];

pub fn run(name: Option<&str>) -> Result<i32> {
    let mut out = vec![];
    let mut command = Cli::command();
    command.build();
    if let Some(name) = name
        && command.find_subcommand(name).is_none()
    {
        let known: Vec<&str> = command.get_subcommands().map(|c| c.get_name()).collect();
        return Err(Error::new(Kind::Input, format!("{name:?} is no command"))
            .at("clarke man")
            .next(format!("known: {}", known.join(", "))));
    }
    let done = match name.and_then(|name| command.find_subcommand(name)) {
        Some(one) => single(one, &mut out),
        None => render(&mut out),
    };
    done.map_err(|e| {
        Error::new(Kind::Device, format!("the manual page cannot be written: {e}"))
            .at("clarke man")
            .next("try again")
    })?;
    let page = String::from_utf8_lossy(&out).into_owned();
    // On the page of all of them commands have no pages of their own.
    print::stdout(&if name.is_some() { page } else { page.replace("clarke\\-", "").replace("(1)\n", "\n") })?;
    Ok(0)
}

/// The page of one command, clarke-NAME(1).
fn single(command: &clap::Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    let name = command.get_name().to_string();
    let full = format!("clarke {name}");
    Man::new(command.clone().bin_name(full).display_name(format!("clarke-{name}"))).render(out)?;
    out.extend(listed("EXIT STATUS", exit::MEANING).bytes());
    Ok(())
}

/// A section of names and what they mean.
fn listed(title: &str, entries: &[(&str, &str)]) -> String {
    let entry = |(name, meaning): &(&str, &str)| format!(".TP\n{}\n{}\n", escaped(name), escaped(meaning));
    format!(".SH \"{title}\"\n") + &entries.iter().map(entry).collect::<String>()
}

/// The page of the program, synopsis and options of each command, then what belongs to all of them.
fn render(out: &mut Vec<u8>) -> std::io::Result<()> {
    let command = Cli::command();
    let mut command = command.after_help(Resettable::Reset).after_long_help(Resettable::Reset);
    command.build();
    Man::new(command.clone()).render(out)?;
    for sub in command.get_subcommands() {
        let name = sub.get_name().to_string();
        let page =
            Man::new(sub.clone().bin_name(format!("clarke {name}")).display_name(format!("clarke {name}")));
        out.extend(format!(".SH CLARKE {}\n", name.to_uppercase()).bytes());
        page.render_description_section(out)?;
        page.render_synopsis_section(out)?;
        page.render_options_section(out)?;
    }
    let mut text = String::new();
    for (title, entries) in [("EXIT STATUS", exit::MEANING), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)] {
        text += &listed(title, entries);
    }
    text += ".SH EXAMPLES\n.nf\n";
    let examples = EXAMPLES.split("\n\n").next().unwrap_or_default();
    for line in examples.lines().skip(1) {
        text += &format!("{}\n", escaped(line));
    }
    text += ".fi\n";
    out.extend(text.bytes());
    Ok(())
}

/// Text that roff takes as it stands.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
