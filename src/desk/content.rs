//! What statements say in a negotiation, as machines read it (`docs/JSON.md`). Legs, lines, stages, corridors and
//! conditions are counted from 1, as people count them.

use crate::deal::body::{Content, Offer};
use crate::deal::formula::{Formula, formulas};
use crate::deal::handover::{HandoverLine, Round, Subject, Transport};
use crate::deal::pledge::{Condition, End, Guarantor};
use crate::deal::stage::{Corridor, Point, Stage, Window};
use crate::deal::terms::{Criteria, Leg, Quantity};
use crate::deal::word::Text;
use crate::desk::names::Names;
use crate::desk::persons;
use crate::desk::record::side;
use crate::desk::screen::{json_time, json_time_if};
use crate::desk::terms::offer_title;
use serde_json::{Value, json};

fn text(text: Option<&Text>) -> Option<&str> {
    text.map(Text::as_str)
}

/// A number that counts from 0 on the wire.
fn from_one(at: impl Into<u64>) -> u64 {
    at.into() + 1
}

fn lines(lines: &[u32]) -> Vec<u64> {
    lines.iter().map(|line| from_one(*line)).collect()
}

fn window(window: Option<Window>) -> Value {
    window.map_or(Value::Null, |window| json!({"from": json_time(window.from), "to": json_time(window.to)}))
}

fn point(point: Option<Point>) -> Value {
    let degrees = |part: i32| f64::from(part) / 1e7;
    point.map_or(
        Value::Null,
        |at| json!({"latitude": degrees(at.latitude), "longitude": degrees(at.longitude)}),
    )
}

/// A round: how often each side has broken one off before.
#[must_use]
pub fn round_json(round: Round) -> Value {
    json!({"opener": round.opener, "other": round.other})
}

/// What a statement says in a negotiation.
#[must_use]
pub fn content_json(content: &Content, names: &Names) -> Value {
    match content {
        Content::Note(it) => json!({"text": it.text.as_str()}),
        Content::Offer(it) => offer_json(it, names),
        Content::Withdraw(it) => json!({"offer": it.offer.hex(), "reason": text(it.reason.as_ref())}),
        Content::Reject(it) => json!({"offer": it.offer.hex(), "reason": text(it.reason.as_ref())}),
        Content::Accept(it) => json!({
            "offer": it.offer.hex(),
            "hold_until": json_time(it.hold_until),
            "remark": text(it.remark.as_ref()),
        }),
        Content::Confirm(it) => json!({"acceptance": it.acceptance.hex()}),
        Content::Lapse(it) => json!({"acceptance": it.acceptance.hex(), "reason": text(it.reason.as_ref())}),
        Content::Standby(it) => json!({"until": json_time_if(it.until), "reason": text(it.reason.as_ref())}),
        Content::Query(it) => json!({
            "about": it.about.map(|id| id.hex()),
            "text": it.text.as_str(),
            "answer_by": json_time_if(it.answer_by),
        }),
        Content::Answer(it) => {
            json!({"query": it.query.hex(), "reply": it.reply.text(), "text": text(it.text.as_ref())})
        }
        Content::Lock(it) => json!({"version": it.version, "lists": it.lists.hex()}),
        Content::Transport(it) => transport_json(it),
        Content::TransportAcknowledged(it) => json!({"notice": it.notice.hex()}),
        Content::Ready(it) => json!({"version": it.version, "round": round_json(it.round)}),
        Content::Go(it) => {
            json!({"version": it.version, "round": round_json(it.round), "window": window(it.window)})
        }
        Content::Suspend(it) => json!({
            "version": it.version,
            "round": round_json(it.round),
            "reason": text(it.reason.as_ref()),
        }),
        Content::Lines(it) => {
            let lines: Vec<Value> = it.lines().iter().map(|line| line_json(line, names)).collect();
            json!({"version": it.body().version, "lines": lines})
        }
        Content::Closed(it) => json!({"version": it.version, "remark": text(it.remark.as_ref())}),
        Content::TransferNotice(it) => json!({
            "offer": it.offer.hex(),
            "leg": from_one(it.leg),
            "lines": lines(&it.lines),
            "country": it.country.as_str(),
            "on": it.on.map(|on| on.to_string()),
            "accommodation": text(it.accommodation.as_ref()),
            "reason": text(it.reason.as_ref()),
        }),
        Content::Breach(it) => json!({
            "offer": it.offer.hex(),
            "condition": from_one(it.condition),
            "lines": lines(&it.lines),
            "on": it.on.map(|on| on.to_string()),
            "facts": it.facts.as_str(),
            "remedy": it.remedy.text(),
            "answer_by": json_time_if(it.answer_by),
        }),
        Content::BreachAnswered(it) => {
            json!({"breach": it.breach.hex(), "answer": it.answer.text(), "text": text(it.text.as_ref())})
        }
    }
}

fn transport_json(it: &Transport) -> Value {
    let vehicles = it.vehicles.iter();
    let vehicles = vehicles
        .map(|it| json!({"mark": it.mark.as_str(), "description": text(it.description.as_ref())}))
        .collect::<Vec<_>>();
    json!({
        "version": it.version,
        "mode": it.mode.text(),
        "vehicles": vehicles,
        "persons": it.persons,
        "corridor": it.corridor.map(from_one),
        "route": text(it.route.as_ref()),
        "window": window(it.window),
        "airspace": window(it.airspace),
        "remark": text(it.remark.as_ref()),
    })
}

/// One handover line.
#[must_use]
pub fn line_json(it: &HandoverLine, names: &Names) -> Value {
    let (line, number, who) = match &it.subject {
        Subject::Listed { line, .. } => (Some(from_one(*line)), 1, Value::Null),
        Subject::Counted { number, .. } => (None, *number, Value::Null),
        Subject::Unlisted { who, .. } => (None, 1, persons::json(who, names)),
    };
    json!({
        "leg": from_one(it.subject.leg()),
        "line": line,
        "number": number,
        "who": who,
        "outcome": it.outcome.text(),
        "cause": it.cause.text(),
        "detail": text(it.detail.as_ref()),
        "evidence": text(it.evidence.as_ref()),
        "remedy": it.remedy.text(),
        "deadline": json_time_if(it.deadline),
    })
}

fn offer_json(offer: &Offer, names: &Names) -> Value {
    let body = offer.body();
    let terms = &body.terms;
    json!({
        "title": offer_title(offer),
        "base": body.base,
        "parent": body.parent.map(|parent| parent.hex()),
        "frame_offer": body.frame.map(|frame| frame.hex()),
        "firmness": body.firmness.text(),
        "formulas": formulas(offer).into_iter().map(Formula::text).collect::<Vec<_>>(),
        "valid_until": json_time_if(body.valid_until),
        "remarks": text(terms.remarks.as_ref()),
        "legs": offer.legs().iter().map(|leg| leg_json(offer, leg, names)).collect::<Vec<_>>(),
        "stages": terms.stages.iter().map(stage_json).collect::<Vec<_>>(),
        "corridors": terms.corridors.iter().map(corridor_json).collect::<Vec<_>>(),
        "conditions": terms.conditions.iter().map(condition_json).collect::<Vec<_>>(),
        "guarantors": terms.guarantors.iter().map(guarantor_json).collect::<Vec<_>>(),
        "frame": terms.frame.as_ref().map(|it| json!({"until": json_time(it.until), "every_secs": it.every})),
    })
}

fn leg_json(offer: &Offer, leg: &Leg, names: &Names) -> Value {
    let (least, most) = offer.range(leg).into_inner();
    let ratio = match leg.quantity {
        Quantity::Ratio { give, per, leg, rounding } => {
            json!({"give": give, "per": per, "leg": from_one(leg), "rounding": rounding.text()})
        }
        _ => Value::Null,
    };
    let quantity = match leg.quantity {
        Quantity::Count(_) => "count",
        Quantity::List(_) => "list",
        Quantity::Estimate { .. } => "estimate",
        Quantity::All { .. } => "all",
        Quantity::Ratio { .. } => "ratio",
    };
    let list = |lines: &[crate::deal::person::Line]| -> Vec<Value> {
        lines.iter().map(|line| persons::json(line, names)).collect()
    };
    json!({
        "giver": side(leg.giver, names.me),
        "receiver": side(leg.receiver, names.me),
        "category": leg.category.text(),
        "quantity": quantity,
        "number": (least == most).then_some(least),
        "least": least,
        "most": (most != u32::MAX).then_some(most),
        "ratio": ratio,
        "named": matches!(leg.quantity, Quantity::List(_)),
        "selection": leg.selection.text(),
        "substitution": leg.substitution.text(),
        "tolerance": leg.tolerance,
        "criteria": leg.criteria.as_ref().map(criteria_json),
        "third_country": text(leg.third_country.as_ref()),
        "stage": leg.stage.map(from_one),
        "group": leg.group,
        "list": list(offer.lines(leg)),
        "except": list(offer.exceptions(leg)),
    })
}

fn criteria_json(it: &Criteria) -> Value {
    json!({
        "ages": it.ages.map(|ages| json!({"from": ages.from, "to": ages.to, "on": ages.on.to_string()})),
        "health": it.health.iter().map(|health| health.text()).collect::<Vec<_>>(),
        "status": it.status.iter().map(|status| status.text()).collect::<Vec<_>>(),
        "sex": it.sex.map(|sex| sex.text()),
    })
}

fn stage_json(it: &Stage) -> Value {
    let place = it.place.as_ref().map(|place| json!({"name": place.name.as_str(), "at": point(place.at)}));
    json!({
        "name": text(it.name.as_ref()),
        "after": it.after.iter().map(|at| from_one(*at)).collect::<Vec<_>>(),
        "place": place,
        "window": window(it.window),
        "corridor": it.corridor.map(from_one),
        "order": it.order.text(),
        "abort": it.abort.text(),
    })
}

fn corridor_json(it: &Corridor) -> Value {
    json!({
        "name": it.name.as_str(),
        "points": it.points.iter().map(|at| point(Some(*at))).collect::<Vec<_>>(),
        "width_m": it.width,
        "window": window(it.window),
    })
}

fn condition_json(it: &Condition) -> Value {
    let (seconds, until, event) = match &it.end {
        End::Seconds(seconds) => (Some(*seconds), None, None),
        End::Until(until) => (None, Some(*until), None),
        End::Event(event) => (None, None, Some(event)),
    };
    json!({
        "leg": from_one(it.leg),
        "lines": lines(&it.lines),
        "obligation": it.obligation.text(),
        "text": text(it.text.as_ref()),
        "seconds": seconds,
        "until": json_time_if(until),
        "event": text(event),
        "monitor": text(it.monitor.as_ref()),
        "consequence": it.consequence.as_str(),
    })
}

fn guarantor_json(it: &Guarantor) -> Value {
    json!({
        "name": it.name.as_str(),
        "part": it.part.text(),
        "duty": text(it.duty.as_ref()),
        "sight": it.sight.text(),
    })
}
