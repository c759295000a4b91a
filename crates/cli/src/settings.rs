//! The gateway's settings as flags, made from the gateway's own list, so that none can be forgotten.

use std::{fs, path::PathBuf};

use clap::{Arg, ArgMatches, Command, Error};
use holdfast_gateway::config::{Config, SETTINGS};

use crate::exit::{Exit, Failure};

/// The file that is read when nobody names one.
const DEFAULT_FILE: &str = "holdfast.toml";

/// Those settings that say where the data is and how to open it.
const OF_DATA: &[&str] = &["data_dir", "environment", "master_key_file"];

/// What was given on the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    file: Option<PathBuf>,
    flags: Vec<(String, String)>,
}

impl Given {
    /// All settings: flags before environment variables before the file.
    pub(crate) fn read(&self) -> Result<Config, Failure> {
        let file = match &self.file {
            Some(path) => Some(read_file(path)?),
            None if PathBuf::from(DEFAULT_FILE).is_file() => Some(read_file(&DEFAULT_FILE.into())?),
            None => None,
        };
        // A variable that is not UTF-8 is none of ours.
        let variables = std::env::vars_os();
        let variables = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Config::read(file.as_deref(), variables, self.flags.iter().cloned())?)
    }

    fn flags(command: Command, names: fn(&str) -> bool) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .env("HOLDFAST_CONFIG")
            .value_parser(clap::value_parser!(PathBuf))
            .help_heading("Settings 配置")
            .help("TOML file with settings; ./holdfast.toml if it is there\n配置文件，默认读取当前目录的 holdfast.toml");
        let flags = SETTINGS.iter().filter(|setting| names(setting.name)).map(|setting| {
            let flag = setting.name.replace('_', "-");
            let variable = format!("HOLDFAST_{}", setting.name.to_uppercase());
            let default = match setting.default {
                "" => format!("[{variable}]"),
                default => format!("[{variable}, default {default}]"),
            };
            Arg::new(setting.name)
                .long(flag)
                .value_name(setting.name.to_uppercase())
                .help_heading("Settings 配置")
                .help(format!("{}\n{} {default}", setting.en, setting.zh))
        });
        command.arg(file).args(flags)
    }

    fn matched(matches: &ArgMatches, names: fn(&str) -> bool) -> Self {
        let given = SETTINGS.iter().filter(|setting| names(setting.name)).filter_map(|setting| {
            let value: &String = matches.get_one(setting.name)?;
            Some((setting.name.to_owned(), value.clone()))
        });
        Self { file: matches.get_one("config").cloned(), flags: given.collect() }
    }
}

fn read_file(path: &PathBuf) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::Config, format!("settings file {}: {error}", path.display()))
    })
}

/// Defines sets of flags: a type, and which settings it takes.
macro_rules! flags {
    ($( $(#[doc = $doc:literal])+ $name:ident takes $names:expr; )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $name(pub(crate) Given);

        impl clap::Args for $name {
            fn augment_args(command: Command) -> Command {
                Given::flags(command, $names)
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl clap::FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Ok(Self(Given::matched(matches, $names)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                self.0 = Given::matched(matches, $names);
                Ok(())
            }
        }
    )+ };
}

flags! {
    /// Every setting.
    AllSettings takes |_| true;
    /// Where the data is. The other settings are read from file and environment, and checked too.
    DataSettings takes |name| OF_DATA.contains(&name);
    /// Where the data is, beside flags that say where a gateway is: those have an --environment of their own.
    WhereSettings takes |name| OF_DATA.contains(&name) && name != "environment";
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn every_setting_has_a_flag_of_its_name() {
        let command = AllSettings::augment_args(Command::new("serve"));
        for setting in SETTINGS {
            let flag = setting.name.replace('_', "-");
            assert!(command.get_arguments().any(|arg| arg.get_long() == Some(&flag)), "{flag}");
        }
    }

    #[test]
    fn the_settings_of_the_data_are_settings() {
        for name in OF_DATA {
            assert!(SETTINGS.iter().any(|setting| setting.name == *name), "{name}");
        }
    }
}
