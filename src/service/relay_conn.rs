//! One connection: frames in, no more than a window of them unanswered; answers out, no faster than the
//! peer takes them. Whatever its peer does, it holds a bounded number of frames and ends in bounded time.

use crate::host::link::{FrameReader, FrameWriter, Link, LinkError};
use crate::relay::checked::{CheckedPut, Writer};
use crate::relay::deposit::Answer;
use crate::relay::message::{ConnId, HeldCell, Input};
use crate::service::relay_config::Patience;
use crate::service::relay_crowd::Seat;
use crate::service::relay_disk::{Cells, ReadCell};
use crate::time::Millis;
use crate::wire::frame::{FrameError, Framed};
use crate::wire::limit::WINDOW_FRAMES;
use crate::wire::queue::Exporter;
use crate::wire::reply::Reply;
use crate::wire::request::Request;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

/// Cells read from the disk for a connection at once: its share of memory while its peer is slow.
const READ_AHEAD: usize = 4;
/// Frames read and thrown away from a peer that goes on talking after its connection was ended.
const LINGER_FRAMES: usize = 64;

/// What the engine's task is told.
pub(super) enum Event {
    /// A connection stands, and its answers go here.
    Joined {
        conn: ConnId,
        exporter: Exporter,
        outbox: Outbox,
    },
    Input(Input),
}

/// Where the answers of one connection go; dropped, it ends the connection after what it holds. As long as its
/// requests are, so it needs no bound of its own.
pub(super) struct Outbox {
    answers: mpsc::UnboundedSender<Answer>,
    /// Who puts there: from then on the connection's own task checks signatures.
    writer: Arc<OnceLock<Writer>>,
}

impl Outbox {
    pub(super) fn send(&self, answer: Answer) {
        // A connection that has ended takes nothing more.
        let _ = self.answers.send(answer);
    }

    pub(super) fn written_by(&self, writer: Writer) {
        // A connection serves one queue as long as it lasts.
        let _ = self.writer.set(writer);
    }
}

/// What every connection has from its service.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) cells: Cells,
    /// True once the relay stops.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) patience: Patience,
}

pub(super) const fn duration(span: Millis) -> Duration {
    Duration::from_millis(span.0)
}

/// Why a connection ends before its peer says so: nothing more can be done for it.
struct Ended;

impl From<LinkError> for Ended {
    fn from(_: LinkError) -> Self {
        Self
    }
}

/// Serves a connection until its peer, the engine or the service ends it, or it loses its seat.
pub(super) async fn serve(conn: ConnId, link: Link, seat: &Seat, shared: Shared) {
    let Link { exporter, reader, writer } = link;
    let (answers, outgoing) = mpsc::unbounded_channel();
    let puts = Arc::new(OnceLock::new());
    let outbox = Outbox { answers, writer: Arc::clone(&puts) };
    if shared.events.send(Event::Joined { conn, exporter, outbox }).await.is_err() {
        return;
    }
    tokio::select! {
        () = talk(conn, (reader, writer), outgoing, &puts, seat, &shared) => {}
        // Nothing is awaited for its sake: it holds what another has a right to.
        () = seat.lost() => gone(conn, &shared).await,
    }
}

/// Tells the engine, which answers what came before this and then lets the outbox go.
async fn gone(conn: ConnId, shared: &Shared) {
    let _ = shared.events.send(Event::Input(Input::Gone { conn })).await;
}

async fn talk(
    conn: ConnId,
    (mut reader, writer): (FrameReader, FrameWriter),
    outgoing: mpsc::UnboundedReceiver<Answer>,
    puts: &OnceLock<Writer>,
    seat: &Seat,
    shared: &Shared,
) {
    let window = Semaphore::new(WINDOW_FRAMES);
    {
        let writing = write(writer, outgoing, &window, seat, shared);
        tokio::pin!(writing);
        let read_first = tokio::select! {
            () = read(conn, &mut reader, puts, &window, shared) => true,
            () = &mut writing => false,
        };
        gone(conn, shared).await;
        // Ends once the outbox is let go.
        if read_first {
            writing.await;
        }
    }
    linger(&mut reader, shared.patience.linger).await;
}

/// Reads frames while the window has room.
async fn read(
    conn: ConnId,
    reader: &mut FrameReader,
    writer: &OnceLock<Writer>,
    window: &Semaphore,
    shared: &Shared,
) {
    let mut stop = shared.stop.clone();
    let mut patience = shared.patience.prove;
    loop {
        let next = async {
            window.acquire().await.ok()?.forget();
            timeout(duration(patience), reader.read()).await.ok()?.ok()?
        };
        let frame = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            frame = next => frame,
        };
        let Some(frame) = frame else { return };
        let input = input(conn, Framed::<Request>::decode(&frame), writer.get());
        // It may be long until there is room for the other.
        drop(frame);
        if shared.events.send(Event::Input(input)).await.is_err() {
            return;
        }
        patience = shared.patience.idle;
    }
}

/// What the engine is told of a frame.
fn input(conn: ConnId, mut frame: Result<Framed<Request>, FrameError>, writer: Option<&Writer>) -> Input {
    let framed = frame.as_mut().ok();
    match framed.zip(writer).and_then(|(framed, writer)| CheckedPut::of(*writer, framed)) {
        Some(put) => Input::Put { conn, put: Box::new(put) },
        None => Input::Frame { conn, frame: Box::new(frame) },
    }
}

/// Sends answers until there is nobody left to give any, and says goodbye.
async fn write(
    mut writer: FrameWriter,
    mut outgoing: mpsc::UnboundedReceiver<Answer>,
    window: &Semaphore,
    seat: &Seat,
    shared: &Shared,
) {
    let patience = duration(shared.patience.write);
    while let Some(out) = outgoing.recv().await {
        let sent = match out {
            Answer::Reply(said) => {
                // What answers a proof that holds.
                if matches!(said.said, Reply::Serving { .. }) {
                    seat.proved();
                }
                let sent = frame(&mut writer, patience, said).await;
                window.add_permits(1);
                sent
            }
            Answer::Stored(stored) => {
                let sent = match stored.framed() {
                    Ok(said) => frame(&mut writer, patience, said).await,
                    Err(_) => Err(Ended),
                };
                window.add_permits(stored.answers());
                sent
            }
            Answer::Cells(cells) => {
                let sent = cells_of_a_get(&mut writer, cells, shared).await;
                window.add_permits(1);
                sent
            }
            Answer::Close => break,
        };
        if sent.is_err() {
            return;
        }
    }
    let _ = timeout(patience, writer.close()).await;
}

async fn frame(writer: &mut FrameWriter, patience: Duration, said: Framed<Reply>) -> Result<(), Ended> {
    let bytes = said.encode().map_err(|_| Ended)?;
    drop(said);
    Ok(timeout(patience, writer.write(&bytes)).await.map_err(|_| Ended)??)
}

/// Answers a get: cell by cell, up to the first that is lost.
async fn cells_of_a_get(
    writer: &mut FrameWriter,
    cells: Vec<HeldCell>,
    shared: &Shared,
) -> Result<(), Ended> {
    let patience = duration(shared.patience.write);
    for some in cells.chunks(READ_AHEAD) {
        for (held, read) in shared.cells.read(some.to_vec()).await.map_err(|_| Ended)? {
            match read {
                ReadCell::Whole(cell) => {
                    frame(writer, patience, Framed::<Reply>::new(held.reply(), Some(cell))).await?;
                }
                ReadCell::Lost => {
                    let lost = Event::Input(Input::Lost { cell: held.key });
                    shared.events.send(lost).await.map_err(|_| Ended)?;
                    return frame(writer, patience, Framed::<Reply>::new(held.gone(), None)).await;
                }
                ReadCell::Unavailable => return Err(Ended),
            }
        }
    }
    Ok(())
}

/// Waits for the peer to end too: a connection closed with unread bytes is reset, and the reset would
/// overtake the last answers.
async fn linger(reader: &mut FrameReader, patience: Millis) {
    let ended = async {
        for _ in 0..LINGER_FRAMES {
            if !matches!(reader.read().await, Ok(Some(_))) {
                break;
            }
        }
    };
    let _ = timeout(duration(patience), ended).await;
}
