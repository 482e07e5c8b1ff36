//! `clarke man`: one page with every command, exit codes, environment and files.

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
    ("CLARKE_SOFTWARE_GPU", "1: drivers that compute on the CPU count as GPUs for --device auto and gpu"),
    ("NO_COLOR", "not empty: no colours, unless --color always"),
    ("RAYON_NUM_THREADS", "how many threads there are where --threads does not say"),
];

/// What is read and written.
const FILES: &[(&str, &str)] = &[
    (".onnx .npz .safetensors .nnet", "networks; .onnx with its external data beside it"),
    (".npy .npz .csv .png .jpg IDX", "centres, boxes and expected outputs"),
    (".vnnlib", "properties, of which the box of the inputs is read"),
    ("--certificate FILE", "what proves a pair, as JSON; `clarke check` derives it again"),
    ("--plot FILE", "both ends against time, .svg or .csv"),
    ("--out FILE", "the result instead of on stdout"),
    ("(none)", "there is no configuration file"),
];

pub fn run() -> Result<i32> {
    let mut out = vec![];
    render(&mut out).map_err(|e| {
        Error::new(Kind::Device, format!("the manual page cannot be written: {e}"))
            .at("clarke man")
            .next("try again")
    })?;
    // All commands are on this page, not on pages of their own.
    let page = String::from_utf8_lossy(&out).replace("clarke\\-", "").replace("(1)\n", "\n");
    print::stdout(&page)?;
    Ok(0)
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
        text += &format!(".SH \"{title}\"\n");
        for (name, meaning) in entries {
            text += &format!(".TP\n{}\n{}\n", escaped(name), escaped(meaning));
        }
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
