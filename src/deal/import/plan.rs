//! Stages, corridors, conditions, guarantors and the frame of a proposal file. May not know what is exchanged.

use crate::deal::import::ImportError;
use crate::deal::import::file::{ConditionFile, CorridorFile, FrameFile, ProposalFile, StageFile};
use crate::deal::import::value::At;
use crate::deal::pledge::{Condition, End, Frame, Guarantor, Obligation, Part, Sight};
use crate::deal::stage::{Abort, Corridor, Order, Place, Stage};
use crate::time::UnixMillis;

/// The names by which stages are called.
pub(super) fn stage_names(stages: &[StageFile]) -> Vec<Option<&str>> {
    stages.iter().map(|stage| stage.name.as_deref()).collect()
}

pub(super) fn stages(file: &ProposalFile, now: UnixMillis) -> Result<Vec<Stage>, ImportError> {
    let names = stage_names(&file.stage);
    let corridors: Vec<_> = file.corridor.iter().map(|corridor| Some(corridor.name.as_str())).collect();
    let read = |(stage, number): (&StageFile, usize)| {
        let at = At::table("stage", number, now);
        let point = stage.at.as_ref().map(|point| at.point("at", point)).transpose()?;
        let place = match (at.text("place", stage.place.as_ref())?, point) {
            (None, Some(_)) => return Err(at.wrong("place", "is missing beside at: name the place")),
            (None, None) => None,
            (Some(name), point) => Some(Place { name, at: point }),
        };
        let mut after: Vec<u8> =
            stage.after.iter().map(|value| at.named("after", value, &names)).collect::<Result<_, _>>()?;
        after.sort_unstable();
        let corridor = stage.corridor.as_ref().map(|value| at.named("corridor", value, &corridors));
        Ok(Stage {
            name: at.text("name", stage.name.as_ref())?,
            after,
            place,
            window: at.window(stage.from.as_ref(), stage.to.as_ref())?,
            corridor: corridor.transpose()?,
            order: at.word("order", stage.order.as_ref(), Order::Simultaneous, Order::read)?,
            abort: at.word("abort", stage.abort.as_ref(), Abort::Stop, Abort::read)?,
        })
    };
    file.stage.iter().zip(1..).map(read).collect()
}

pub(super) fn corridors(file: &ProposalFile, now: UnixMillis) -> Result<Vec<Corridor>, ImportError> {
    let read = |(corridor, number): (&CorridorFile, usize)| {
        let at = At::table("corridor", number, now);
        Ok(Corridor {
            name: at.needed("name", &corridor.name)?,
            points: corridor
                .points
                .iter()
                .map(|point| at.point("points", point))
                .collect::<Result<_, _>>()?,
            width: at.whole("width", corridor.width.unwrap_or(0))?,
            window: at.window(corridor.from.as_ref(), corridor.to.as_ref())?,
        })
    };
    file.corridor.iter().zip(1..).map(read).collect()
}

pub(super) fn conditions(file: &ProposalFile, now: UnixMillis) -> Result<Vec<Condition>, ImportError> {
    file.condition.iter().zip(1..).map(|(one, number)| condition(one, number, now)).collect()
}

fn condition(file: &ConditionFile, number: usize, now: UnixMillis) -> Result<Condition, ImportError> {
    let at = At::table("condition", number, now);
    let mut lines: Vec<u32> =
        file.lines.iter().map(|line| at.index("lines", *line)).collect::<Result<_, _>>()?;
    lines.sort_unstable();
    let end = match (&file.end, &file.until, &file.event) {
        (Some(span), None, None) => End::Seconds(at.secs("end", span)?),
        (None, Some(moment), None) => End::Until(at.moment("until", moment)?),
        (None, None, Some(event)) => End::Event(at.needed("event", event)?),
        _ => {
            let fault = "says not exactly one of: end (a duration such as \"1 year\"), until (a moment), event (a \
                         text): keep one";
            return Err(at.wrong("", fault));
        }
    };
    Ok(Condition {
        leg: at.index("leg", file.leg)?,
        lines,
        obligation: Obligation::read(&file.obligation).map_err(|fault| at.wrong("obligation", fault))?,
        text: at.text("text", file.text.as_ref())?,
        end,
        monitor: at.text("monitor", file.monitor.as_ref())?,
        consequence: at.needed("consequence", &file.consequence)?,
    })
}

pub(super) fn guarantors(file: &ProposalFile, now: UnixMillis) -> Result<Vec<Guarantor>, ImportError> {
    let read = |(guarantor, number): (&super::file::GuarantorFile, usize)| {
        let at = At::table("guarantor", number, now);
        Ok(Guarantor {
            name: at.needed("name", &guarantor.name)?,
            part: at.word("part", guarantor.part.as_ref(), Part::Guarantor, Part::read)?,
            duty: at.text("duty", guarantor.duty.as_ref())?,
            sight: at.word("sight", guarantor.sight.as_ref(), Sight::Nothing, Sight::read)?,
        })
    };
    file.guarantor.iter().zip(1..).map(read).collect()
}

pub(super) fn frame(file: &FrameFile, now: UnixMillis) -> Result<Frame, ImportError> {
    let at = At::top(now);
    let every = file.every.as_ref().map(|span| at.secs("frame, every", span)).transpose()?;
    Ok(Frame { until: at.moment("frame, until", &file.until)?, every: every.unwrap_or(0) })
}
