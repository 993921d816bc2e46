//! What is written from the seal to the last person.

use clap::Args;
use std::path::PathBuf;

/// An act on a case that is sealed.
#[derive(Debug, Args)]
pub struct OnCase {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Transport`].
#[derive(Debug, Args)]
pub struct Transport {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// On foot, car, bus, lorry, ambulance, train, ship, aircraft, helicopter, collected by the receiver
    #[arg(long, value_name = "WORD")]
    pub mode: String,
    /// A vehicle's plate, tail number or name; as often as there are vehicles
    #[arg(long = "vehicle", value_name = "MARK")]
    pub vehicles: Vec<String>,
    /// How many persons or bags
    #[arg(long, value_name = "N")]
    pub persons: Option<u32>,
    /// The agreed corridor
    #[arg(long, value_name = "N")]
    pub corridor: Option<u8>,
    /// The route in words
    #[arg(long, value_name = "TEXT")]
    pub route: Option<String>,
    /// When it begins to move: in how long, or a moment
    #[arg(long, value_name = "WHEN", requires = "to")]
    pub from: Option<String>,
    /// By when it has arrived
    #[arg(long, value_name = "WHEN", requires = "from")]
    pub to: Option<String>,
    /// From when the airspace must be free
    #[arg(long, value_name = "WHEN", requires = "airspace_to")]
    pub airspace_from: Option<String>,
    /// Until when the airspace must be free
    #[arg(long, value_name = "WHEN", requires = "airspace_from")]
    pub airspace_to: Option<String>,
    /// Words beside it
    #[arg(long, value_name = "TEXT")]
    pub remark: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Go`].
#[derive(Debug, Args)]
pub struct Go {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// How long you wait for the other side's go: in how long, or a moment
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Answers the other side's go although its time is over
    #[arg(long)]
    pub late: bool,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Suspend`].
#[derive(Debug, Args)]
pub struct Suspend {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// Why, for the other side to read
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Lines`].
#[derive(Debug, Args)]
pub struct Lines {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// What became of whom, one line each
    #[arg(value_name = "FILE.csv", required_unless_present_any = ["template", "all_delivered"])]
    pub file: Option<PathBuf>,
    /// Writes this new file for you to correct, with everybody delivered as listed; signs nothing
    #[arg(long, value_name = "FILE.csv", conflicts_with_all = ["file", "all_delivered"])]
    pub template: Option<PathBuf>,
    /// Everybody came as listed
    #[arg(long, conflicts_with = "file")]
    pub all_delivered: bool,
    /// Only the legs of this stage, of a template or of --all-delivered
    #[arg(long, value_name = "N", conflicts_with = "file")]
    pub stage: Option<u8>,
    /// Corrects lines on remains although their time is over
    #[arg(long)]
    pub late: bool,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}

/// See [`super::Command::Close`].
#[derive(Debug, Args)]
pub struct Close {
    /// The case, by its id or that of any statement in it
    pub case: String,
    /// Words beside it
    #[arg(long, value_name = "TEXT")]
    pub remark: Option<String>,
    /// Closes although lines are untold
    #[arg(long)]
    pub untold: bool,
    /// Signs without asking
    #[arg(long)]
    pub yes: bool,
}
