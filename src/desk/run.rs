//! From arguments to an exit code: one command, one answer or one failure.

use crate::desk::act::Saying;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar::{Case, Cli, Command, Draft, Evidence, Mandate, Transcript};
use crate::desk::open::{Desk, Place};
use crate::desk::screen::{Answer, json_line, write_json};
use crate::desk::sign::Leave;
use crate::desk::{
    act, case, cases, converse, delays, demo, demo_relay, draft, evidence, family, handover, interest,
    introduce, keep, mandate, outcome, own, profile, record, renew, report, settings, show, status,
    succession, sync, transcript, words,
};
use crate::statement::kind::Kind;
use clap::Parser;
use std::ffi::OsString;
use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

/// Runs the program with these arguments.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    // The demonstration's relay is this program again, as a process that can be killed.
    match demo_relay::serve_if_asked() {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => return fail(&demo_failed(error), false),
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, arguments.iter().any(|argument| argument == "--json")),
    };
    let answer = answer(&cli).and_then(|answer| answer.map_or(Ok(()), |answer| tell(&answer, cli.json)));
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, cli.json),
    }
}

fn demo_failed(error: anyhow::Error) -> Failure {
    Failure::new(
        Cause::Internal,
        format!("the demonstration stopped: {error:#}"),
        "Its files are left as they are.",
    )
}

fn fail(failure: &Failure, as_json: bool) -> ExitCode {
    let shown =
        if as_json { json_line(&failure.json()) } else { failure.text(std::io::stderr().is_terminal()) };
    let _ = writeln!(std::io::stderr(), "{shown}");
    ExitCode::from(failure.cause.exit())
}

/// What clap has to say: help and version are answers, the rest is a failure.
fn usage(error: &clap::Error, as_json: bool) -> ExitCode {
    if !as_json || !error.use_stderr() {
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { Cause::Usage.exit() } else { 0 });
    }
    let text = error.render().to_string();
    let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    fail(&Failure::new(Cause::Usage, what, "See: truceline --help"), true)
}

fn tell(answer: &Answer, as_json: bool) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let shown = if as_json {
        write_json(&answer.json, &mut out).and_then(|()| writeln!(out))
    } else {
        write!(out, "{}", answer.text)
    };
    match shown.and_then(|()| out.flush()) {
        // A reader that has seen enough, such as head, is no failure.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(Failure::new(
                Cause::Internal,
                format!("the answer cannot be written: {error}"),
                "Check where the output goes.",
            ));
        }
        _ => {}
    }
    if !as_json {
        let _ = write!(std::io::stderr(), "{}", answer.aside);
    }
    Ok(())
}

/// Signs what a command says.
fn say(
    place: &Place,
    leave: Leave,
    what: impl FnOnce(&mut Desk) -> Result<Saying, Failure>,
) -> Result<Answer, Failure> {
    let mut desk = place.open_to_act()?;
    what(&mut desk)?.sign(&mut desk, leave)
}

/// The answer to a command; none where the command has told everything itself.
fn answer(cli: &Cli) -> Result<Option<Answer>, Failure> {
    if let Command::Demo(asked) = &cli.command {
        return demo::run(asked.keep.as_deref()).map(|()| None).map_err(demo_failed);
    }
    let place = Place::of(cli)?;
    let answer = answer_at(&place, cli);
    place.check_reads()?;
    answer.map(Some)
}

fn answer_at(place: &Place, cli: &Cli) -> Result<Answer, Failure> {
    Ok(match &cli.command {
        Command::Demo(_) => Answer::default(),
        Command::Init(asked) => introduce::init(place, asked)?,
        Command::Verify(asked) => match &asked.newer {
            Some(newer) => succession::verify_files(asked, newer, place.style)?,
            None => transcript::verify_file(place, asked)?,
        },
        Command::Channel(asked) => renew::run(&mut place.open_to_act()?, asked)?,
        Command::Invite(asked) => introduce::invite(&mut place.open_to_act()?, asked)?,
        Command::Join(asked) => introduce::join(&mut place.open_to_act()?, asked)?,
        Command::Words(asked) => {
            words::run(&mut place.open_for(asked.confirm.is_some() || asked.differ)?, asked)?
        }
        Command::Sync(asked) => sync::run(&mut place.open_to_act()?, asked)?,
        Command::Say(asked) => act::say(&mut place.open_to_act()?, asked)?,
        Command::Propose(asked) => {
            say(place, Leave::yes(asked.yes), |desk| act::propose(desk, &asked.file, asked.frame.as_ref()))?
        }
        Command::Counter(asked) => {
            say(place, Leave::yes(asked.yes), |desk| act::counter(desk, &asked.id, &asked.file))?
        }
        Command::Accept(asked) => say(place, Leave::yes(asked.yes), |desk| {
            act::accept(desk, &asked.id, &asked.hold, &asked.groups)
        })?,
        Command::Confirm(asked) => {
            let leave = Leave { yes: asked.yes, late: asked.late };
            say(place, leave, |desk| act::confirm(desk, &asked.id))?
        }
        Command::Amend(asked) => {
            say(place, Leave::yes(asked.yes), |desk| act::amend(desk, &asked.case, asked.file.as_deref()))?
        }
        Command::Lapse(asked) => act::lapse(&mut place.open_to_act()?, asked)?,
        Command::Reject(asked) => act::turn_down(&mut place.open_to_act()?, Kind::Reject, asked)?,
        Command::Withdraw(asked) => act::turn_down(&mut place.open_to_act()?, Kind::Withdraw, asked)?,
        Command::Standby(asked) => converse::standby(&mut place.open_to_act()?, asked)?,
        Command::Query(asked) => converse::query(&mut place.open_to_act()?, asked)?,
        Command::Answer(asked) => converse::answer(&mut place.open_to_act()?, asked)?,
        Command::Lock(asked) => handover::lock(&mut place.open_to_act()?, asked)?,
        Command::Transport(asked) => handover::transport(&mut place.open_to_act()?, asked)?,
        Command::Acknowledge(asked) => handover::acknowledge(&mut place.open_to_act()?, asked)?,
        Command::Ready(asked) => handover::ready(&mut place.open_to_act()?, asked)?,
        Command::Go(asked) => handover::go(&mut place.open_to_act()?, asked)?,
        Command::Suspend(asked) => handover::suspend(&mut place.open_to_act()?, asked)?,
        Command::Lines(asked) => outcome::lines(&mut place.open_for(asked.template.is_none())?, asked)?,
        Command::Discrepancy(asked) => outcome::discrepancy(&place.open()?, asked)?,
        Command::Close(asked) => handover::close(&mut place.open_to_act()?, asked)?,
        Command::TransferNotice(asked) => converse::transfer_notice(&mut place.open_to_act()?, asked)?,
        Command::Breach(asked) => converse::breach(&mut place.open_to_act()?, asked)?,
        Command::Case(Case::Show(asked)) => case::show(&place.open()?, asked)?,
        Command::Cases => cases::run(&place.open()?)?,
        Command::Show(asked) => show::run(&mut place.open()?, asked)?,
        Command::Log(asked) => record::log(&place.open()?, asked)?,
        Command::Status => status::run(&place.open()?)?,
        Command::Transcript(Transcript::Verify) => transcript::verify_own(&place.open()?)?,
        Command::Transcript(Transcript::Export(asked)) => transcript::export_own(&place.open()?, asked)?,
        Command::Evidence(Evidence::Make(asked)) => evidence::make(&place.open()?, asked)?,
        Command::Evidence(Evidence::Check(asked)) => evidence::check_file(place, asked)?,
        Command::Mandate(asked) => {
            let signs = matches!(asked, Mandate::Sign(_) | Mandate::Set(_));
            mandate::run(&mut place.open_for(signs)?, asked)?
        }
        Command::Draft(asked) => {
            let shows = matches!(asked, Draft::List | Draft::Show(_) | Draft::Drop(_));
            draft::run(&mut place.open_for(!shows)?, asked)?
        }
        Command::Approve(asked) => draft::approve(&place.open_to_act()?, asked)?,
        Command::Settings(asked) => settings::run(&mut place.open()?, asked)?,
        Command::Private(asked) => own::private(&mut place.open()?, asked)?,
        Command::Honesty(asked) => own::honesty(&mut place.open()?, asked)?,
        Command::Profile(asked) => profile::run(&mut place.open()?, asked)?,
        Command::Delays => delays::run(&place.open()?)?,
        Command::Interest(asked) => interest::run(&place.open()?, asked)?,
        Command::Family(asked) => family::run(&place.open()?, asked)?,
        Command::Report(asked) => report::run(&place.open()?, asked)?,
        Command::Vault(asked) => keep::run(place, asked)?,
    })
}
