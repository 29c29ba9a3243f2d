//! iceoryx2 across two processes: publish/subscribe both ways, and request/response.

use crate::payload::{REST, Request, Response};
use crate::process::{self, Fault, LOOK_COUNT_MAX, Peer};
use crate::rival::Rival;
use crate::sample::{self, Sample};
use iceoryx2::node::Node;
use iceoryx2::port::client::Client;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::{publish_subscribe, request_response};
use quanta::Clock;
use std::time::Duration;

type PubSub<T> = publish_subscribe::PortFactory<ipc::Service, T, ()>;
type ReqRes = request_response::PortFactory<ipc::Service, Request, (), Response, ()>;

fn node() -> Result<Node<ipc::Service>, Fault> {
    set_log_level(LogLevel::Error);
    Ok(NodeBuilder::new().signal_handling_mode(SignalHandlingMode::Disabled).create()?)
}

fn topic<T: ZeroCopySend + std::fmt::Debug + 'static>(
    node: &Node<ipc::Service>,
    name: &str,
) -> Result<PubSub<T>, Fault> {
    Ok(node.service_builder(&name.try_into()?).publish_subscribe::<T>().open_or_create()?)
}

fn service(node: &Node<ipc::Service>, name: &str) -> Result<ReqRes, Fault> {
    let builder = node.service_builder(&name.try_into()?);
    Ok(builder.request_response::<Request, Response>().open_or_create()?)
}

/// One topic for many subscribers; one that is slow loses the oldest.
pub struct Broadcast {
    topic: PubSub<Response>,
    _node: Node<ipc::Service>,
}

impl Broadcast {
    pub fn open(name: &str) -> Result<Broadcast, Fault> {
        let node = node()?;
        let builder = node.service_builder(&name.try_into()?).publish_subscribe::<Response>();
        let builder = builder.max_subscribers(32).max_nodes(64).enable_safe_overflow(true);
        let topic = builder.subscriber_max_buffer_size(256).open_or_create()?;
        Ok(Broadcast { topic, _node: node })
    }

    pub fn publisher(&self) -> Result<Publisher<ipc::Service, Response, ()>, Fault> {
        Ok(self.topic.publisher_builder().create()?)
    }

    pub fn subscriber(&self) -> Result<Subscriber<ipc::Service, Response, ()>, Fault> {
        Ok(self.topic.subscriber_builder().create()?)
    }

    pub fn subscriber_count(&self) -> usize {
        self.topic.dynamic_config().number_of_subscribers()
    }
}

/// One publisher and one subscriber on each side.
pub struct PublishSubscribe {
    requests: Publisher<ipc::Service, Request, ()>,
    responses: Subscriber<ipc::Service, Response, ()>,
    peer: Peer,
    sequence: u64,
    _node: Node<ipc::Service>,
}

impl PublishSubscribe {
    pub fn start(core: usize) -> Result<PublishSubscribe, Fault> {
        let name = format!("factord-rivals-{}", std::process::id());
        let node = node()?;
        let requests = topic(&node, &format!("{name}/in"))?.publisher_builder().create()?;
        let responses = topic(&node, &format!("{name}/out"))?.subscriber_builder().create()?;
        let peer = Peer::start("publish-subscribe", core, &name)?;
        Ok(PublishSubscribe { requests, responses, peer, sequence: 0, _node: node })
    }

    fn send(&self, request: Request) -> Result<(), Fault> {
        self.requests.loan_uninit()?.write_payload(request).send()?;
        Ok(())
    }

    #[inline]
    fn trip(&mut self) -> Result<(), Fault> {
        self.sequence += 1;
        let request = Request::new(self.sequence);
        self.send(request)?;
        for _ in 0..LOOK_COUNT_MAX {
            if let Some(response) = self.responses.receive()? {
                return match request.is_answered_by(&response) {
                    true => Ok(()),
                    false => Err("iceoryx2: a wrong answer".into()),
                };
            }
            std::hint::spin_loop();
        }
        Err("iceoryx2: no answer".into())
    }
}

/// The far side of [`PublishSubscribe`].
pub fn publish_subscribe_peer(core: usize, name: &str) -> Result<(), Fault> {
    let node = node()?;
    let requests = topic::<Request>(&node, &format!("{name}/in"))?.subscriber_builder().create()?;
    let responses = topic(&node, &format!("{name}/out"))?.publisher_builder().create()?;
    process::serve(core, || {
        // The event loop of a round.
        loop {
            let Some(request) = requests.receive()? else {
                std::hint::spin_loop();
                continue;
            };
            if request.sequence == REST {
                return Ok(());
            }
            responses.loan_uninit()?.write_payload(request.answer()).send()?;
        }
    })
}

impl Rival for PublishSubscribe {
    fn name(&self) -> &'static str {
        "iceoryx2-publish-subscribe"
    }

    fn wake(&mut self) -> Result<(), Fault> {
        self.peer.wake()
    }

    fn round(&mut self, clock: &Clock, length: Duration) -> Result<Sample, Fault> {
        sample::round(clock, length, || self.trip())
    }

    fn rest(&mut self) -> Result<(), Fault> {
        self.send(Request::rest())
    }
}

/// A client; the server is in the other process.
pub struct RequestResponse {
    client: Client<ipc::Service, Request, (), Response, ()>,
    peer: Peer,
    sequence: u64,
    _node: Node<ipc::Service>,
}

impl RequestResponse {
    pub fn start(core: usize) -> Result<RequestResponse, Fault> {
        let name = format!("factord-rivals-{}/both", std::process::id());
        let node = node()?;
        let client = service(&node, &name)?.client_builder().create()?;
        let peer = Peer::start("request-response", core, &name)?;
        Ok(RequestResponse { client, peer, sequence: 0, _node: node })
    }

    #[inline]
    fn trip(&mut self) -> Result<(), Fault> {
        self.sequence += 1;
        let request = Request::new(self.sequence);
        let pending = self.client.loan_uninit()?.write_payload(request).send()?;
        for _ in 0..LOOK_COUNT_MAX {
            if let Some(response) = pending.receive()? {
                return match request.is_answered_by(&response) {
                    true => Ok(()),
                    false => Err("iceoryx2: a wrong answer".into()),
                };
            }
            std::hint::spin_loop();
        }
        Err("iceoryx2: no answer".into())
    }
}

/// The far side of [`RequestResponse`].
pub fn request_response_peer(core: usize, name: &str) -> Result<(), Fault> {
    let node = node()?;
    let server = service(&node, name)?.server_builder().create()?;
    process::serve(core, || {
        // The event loop of a round.
        loop {
            let Some(active) = server.receive()? else {
                std::hint::spin_loop();
                continue;
            };
            if active.sequence == REST {
                return Ok(());
            }
            active.loan_uninit()?.write_payload(active.answer()).send()?;
        }
    })
}

impl Rival for RequestResponse {
    fn name(&self) -> &'static str {
        "iceoryx2-request-response"
    }

    fn wake(&mut self) -> Result<(), Fault> {
        self.peer.wake()
    }

    fn round(&mut self, clock: &Clock, length: Duration) -> Result<Sample, Fault> {
        sample::round(clock, length, || self.trip())
    }

    fn rest(&mut self) -> Result<(), Fault> {
        let request = Request::rest();
        let _ = self.client.loan_uninit()?.write_payload(request).send()?;
        Ok(())
    }
}
