//! Single predictions, answered on the guard's own thread.
//!
//! A request that goes by tiny_http wakes three threads: one that reads it, one that answers it,
//! and the guard, which passes the answer on. Evaluating a model takes nanoseconds. So the guard
//! has a handler of its own, which evaluates the engine's active model in this process, as any
//! client may: the same bits, reloads seen at once, only while the engine's heart beats, counted by
//! the engine. Whatever cannot be answered so, because nothing is attached yet, a reload is under
//! way or the engine is gone, goes through tiny_http like all other requests. The handler then goes
//! to a thread that attaches and fetches what is known about models, and comes back ready. The
//! guard itself never waits for anybody.

use super::guard::head::{Head, path_of};
use super::guard::http_reply::HttpReply;
use super::handler::{Handler, Shared};
use super::limits::{DIRECT_BODY_LEN_MAX, DIRECT_PAUSE};
use super::routes::{self, Command};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The guard's own way to predictions.
#[derive(Debug)]
pub(super) struct Direct {
    /// `None` while it is being prepared.
    handler: Option<Handler>,
    orders: Sender<(Handler, String)>,
    prepared: Receiver<Handler>,
    rests_until: Instant,
    /// The next rest; grows while nothing can be answered at once.
    pause: Duration,
}

impl Direct {
    /// Starts the thread that prepares. It ends with the guard.
    pub(super) fn start(shared: &Arc<Shared>) -> io::Result<Direct> {
        let (orders, orders_in) = mpsc::channel::<(Handler, String)>();
        let (prepared_out, prepared) = mpsc::channel();
        thread::Builder::new().name("http-prepare".to_owned()).spawn(move || {
            for (mut handler, model) in orders_in {
                handler.prepare(&model);
                if prepared_out.send(handler).is_err() {
                    return;
                }
            }
        })?;
        Ok(Direct {
            handler: Some(Handler::new(Arc::clone(shared))),
            orders,
            prepared,
            rests_until: Instant::now(),
            pause: DIRECT_PAUSE.start,
        })
    }

    /// The answer to a whole request, if it asks for one prediction that can be given at once.
    pub(super) fn answer(
        &mut self,
        head: &Head,
        body: &[u8],
        keep_alive: bool,
    ) -> Option<HttpReply> {
        let began = Instant::now();
        if body.len() > DIRECT_BODY_LEN_MAX {
            return None;
        }
        let command = routes::route(head.method, path_of(&head.target)).ok()?;
        let (Command::Predict { model } | Command::PredictPath { model, .. }) = command else {
            return None;
        };
        if self.handler.is_none() && began >= self.rests_until {
            self.handler = self.prepared.try_recv().ok();
        }
        let reply = self.handler.as_mut()?.answer_at_once(command, body, began);
        let Some(reply) = reply else {
            self.rest(model, began);
            return None;
        };
        self.pause = DIRECT_PAUSE.start;
        Some(reply.to_http(head.method, keep_alive))
    }

    /// Has the handler prepared for `model`, and asks nothing for a while.
    fn rest(&mut self, model: &str, now: Instant) {
        if let Some(handler) = self.handler.take() {
            // Without its thread there is no direct way; requests go by tiny_http.
            let _ = self.orders.send((handler, model.to_owned()));
        }
        self.rests_until = now + self.pause;
        self.pause = (2 * self.pause).min(DIRECT_PAUSE.end);
    }
}
