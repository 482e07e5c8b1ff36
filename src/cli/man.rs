//! `clarke man`: one page with every command.

use super::flags::Cli;
use super::print;
use crate::error::{Error, Kind, Result};
use clap::CommandFactory;
use clap_mangen::Man;

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

/// The page of the program, then synopsis and options of each command.
fn render(out: &mut Vec<u8>) -> std::io::Result<()> {
    let mut command = Cli::command();
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
    Ok(())
}
