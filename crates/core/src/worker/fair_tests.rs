//! Whom a turn serves, and how much, by counting: no thread and no clock.

use super::*;
use crate::abi::status_region;
use crate::region::{Mapping, Region};
use crate::ring::{Geometry, RequestProducer, ResponseConsumer};
use factord_eval::Model;
use factord_eval::evaluator::Evaluator;
use factord_eval::forest::{Builder, Link, Node};
use std::sync::Arc;

const SLOTS: usize = 32;

/// A client's two ends.
struct Client {
    requests: RequestProducer<Mapping>,
    responses: ResponseConsumer<Mapping>,
    x: Vec<f64>,
    in_flight: usize,
}

impl Client {
    fn submit(&mut self) {
        // The models stand at the ids of their widths' places.
        let id = WIDTHS.iter().position(|&width| width == self.x.len()).unwrap();
        self.requests.push(id as u64, 0, &self.x);
        self.in_flight += 1;
    }

    fn fill(&mut self) {
        while self.in_flight < SLOTS {
            self.submit();
        }
    }

    /// Takes the answers that are there; how many.
    fn take(&mut self) -> usize {
        let mut count = 0;
        while let Some(response) = self.responses.pop() {
            assert_eq!(response.status(), crate::abi::status::OK);
            count += 1;
        }
        self.in_flight -= count;
        count
    }
}

const WIDTHS: [usize; 5] = [3, 5, 6, 64, FEATURE_COUNT_MAX];

/// A worker that is turned by hand.
struct Rig {
    worker: Worker,
    handle: Handle,
    clients: Vec<Client>,
}

fn mapped(name: &'static str, lines: usize) -> (Mapping, Mapping) {
    let region = Region::create(name, lines).unwrap();
    let fd = region.fd().try_clone_to_owned().unwrap();
    (region.into_mapping(), Mapping::open(name, &fd, lines).unwrap())
}

fn model(width: usize) -> Model {
    let part = vec![0.5; width];
    Model::logistic(part.clone(), 0.25, part.clone(), part).unwrap()
}

fn forest(width: usize) -> Model {
    let mut builder = Builder::new(width, Link::Identity, false).unwrap();
    builder.push(&[Node::Leaf(0.5)]).unwrap();
    Model::Forest(builder.finish().unwrap())
}

impl Rig {
    fn new() -> Rig {
        let status = Region::create("status", status_region::LINES).unwrap();
        let mut rows = Rows::default();
        for (id, width) in WIDTHS.into_iter().enumerate() {
            let row = Row::new(0, 1, (7, Evaluator::new(&model(width))));
            Swap::new(id as u16, row).exchange(&mut rows);
        }
        let (handle, mailbox) = mailbox(1024);
        let tally = Tally::new(Arc::new(status), 0);
        let worker = Worker::new(1024, mailbox, rows, tally);
        Rig { worker, handle, clients: Vec::new() }
    }

    /// Attaches a client and returns its place; its lane's number is that plus one.
    fn attach(&mut self, width: usize) -> usize {
        let geometry = Geometry::new(width, SLOTS).unwrap();
        let (req, worker_req) = mapped("req", geometry.req_lines());
        let (worker_resp, resp) = mapped("resp", geometry.resp_lines());
        let rings = (worker_req, worker_resp);
        let lane = Lane::new(self.clients.len() as u64 + 1, geometry, rings, 1);
        assert!(self.handle.attach(lane));
        self.worker.take_changes();
        self.clients.push(Client {
            requests: RequestProducer::new(req, geometry),
            responses: ResponseConsumer::new(resp, geometry),
            x: vec![0.25; width],
            in_flight: 0,
        });
        self.clients.len() - 1
    }

    /// Fills the clients from `first` on, has one turn, and returns what each had answered.
    fn turn(&mut self, first: usize) -> Vec<usize> {
        self.clients[first..].iter_mut().for_each(Client::fill);
        self.worker.turn();
        self.clients.iter_mut().map(Client::take).collect()
    }
}

#[test]
fn a_narrow_lane_is_answered_in_every_turn_however_full_wide_lanes_are() {
    for width in [6, 64, FEATURE_COUNT_MAX] {
        let mut rig = Rig::new();
        let victims = [rig.attach(3), rig.attach(5)];
        (0..250).for_each(|_| _ = rig.attach(width));
        for turn in 0..300 {
            victims.into_iter().for_each(|victim| rig.clients[victim].submit());
            let answered = rig.turn(2);
            assert_eq!(answered[..2], [1, 1], "width {width}, turn {turn}");
            // One visit of bounded work, whatever waits.
            let served = answered[2..].iter().filter(|&&count| count > 0).count();
            let words = answered[2..].iter().sum::<usize>() * (width + 32);
            assert_eq!(served, 1, "width {width}, turn {turn}");
            assert!(words <= lane::VISIT_WORDS, "width {width}: {words} words in a turn");
        }
    }
}

#[test]
fn a_visit_ends_when_its_requests_have_cost_what_a_visit_may() {
    let five = [400, 999, 1000, u32::MAX].map(|cost_ns| (5, cost_ns));
    let costs = five.into_iter().chain([(6, 400), (64, 300), (3, 400), (3, 2000)]);
    for (width, cost_ns) in costs {
        let mut rig = Rig::new();
        let id = WIDTHS.iter().position(|&known| known == width).unwrap() as u16;
        // What is costly and takes three features is a forest.
        let model = if width == 3 { forest(width) } else { model(width) };
        let evaluator = Evaluator::new(&model).costing(cost_ns);
        Swap::new(id, Row::new(0, 2, (7, evaluator))).exchange(&mut rig.worker.rows);
        let costly = rig.attach(width);
        let most = lane::VISIT_NS.div_ceil(cost_ns) as usize;
        for turn in 0..100 {
            let answered = rig.turn(0)[costly];
            // A lane that was busy last may have a second visit in the same turn.
            assert!((1..=2 * most).contains(&answered), "{width}, {cost_ns}, {turn}: {answered}");
        }
    }
}

#[test]
fn wide_lanes_are_served_in_turn_however_full_narrow_ones_are() {
    let mut rig = Rig::new();
    (0..100).for_each(|_| _ = rig.attach(3));
    let wide: Vec<usize> = (0..100).map(|_| rig.attach(FEATURE_COUNT_MAX)).collect();
    let mut answered = [0; 200];
    // A round over all 200: four narrow lanes a turn, then one wide lane in each of two turns.
    for _ in 0..10 * (100 / 4 + 2 * 100) {
        let turn = rig.turn(0);
        answered.iter_mut().zip(turn).for_each(|(sum, count)| *sum += count);
    }
    let counts: Vec<usize> = wide.iter().map(|&index| answered[index]).collect();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least >= 9 && *most <= 3 * least, "{counts:?}");
}

#[test]
fn narrow_lanes_share_a_round_of_bounded_work() {
    for neighbours in [8, 32, 100, 250, 1000] {
        let mut rig = Rig::new();
        let victim = rig.attach(3);
        (0..neighbours).for_each(|_| _ = rig.attach(3));
        let round = neighbours / COLD_LOOKS + 1;
        // The first round finds out how many are busy.
        (0..2 * round).for_each(|_| _ = rig.turn(1));
        for wait in 0..20 {
            rig.clients[victim].submit();
            let mut others = 0;
            let mut turns = 0;
            loop {
                turns += 1;
                let answered = rig.turn(1);
                others += answered[1..].iter().sum::<usize>();
                if answered[victim] > 0 {
                    break;
                }
                assert!(turns <= round, "not looked at in a round of {round} turns");
            }
            // The lane that was busy last has a turn more for each four.
            let share = (ROUND_REQUESTS / neighbours).clamp(1, VISIT_REQUESTS);
            let bound = (COLD_LOOKS + 1) * round * share;
            assert!(others <= bound, "{neighbours}, wait {wait}: {others} of {bound} before");
            // And from another place of the round.
            (0..wait).for_each(|_| _ = rig.turn(1));
        }
    }
}

#[test]
fn narrow_lanes_stand_first_whoever_comes_and_goes() {
    let mut rig = Rig::new();
    let mut random = 9u64;
    let mut here: Vec<usize> = Vec::new();
    for _ in 0..600 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let choice = (random >> 40) as usize;
        if here.len() > 5 && choice.is_multiple_of(2) {
            let gone = here.swap_remove(choice / 2 % here.len());
            assert!(rig.handle.detach(gone as u64 + 1));
            rig.worker.take_changes();
            let returned = rig.handle.take_returned().unwrap();
            assert_eq!(returned.client_id(), gone as u64 + 1);
        } else {
            here.push(rig.attach(WIDTHS[choice / 2 % 4]));
        }
        let worker = &rig.worker;
        let narrow = worker.lanes.iter().filter(|lane| lane.is_narrow()).count();
        assert_eq!((worker.lanes.len(), worker.narrow_count), (here.len(), narrow));
        assert!(worker.lanes[..narrow].iter().all(Lane::is_narrow));
        for &client in &here {
            rig.clients[client].submit();
        }
        let turns = narrow / COLD_LOOKS + 2 * (here.len() - narrow) + 2;
        (0..turns).for_each(|_| _ = rig.worker.turn());
        for &client in &here {
            assert_eq!(rig.clients[client].take(), 1);
        }
    }
}

#[test]
fn a_lane_that_is_broken_in_mid_sweep_leaves_the_others_served() {
    let mut rig = Rig::new();
    let broken = rig.attach(3);
    let narrow = rig.attach(3);
    let wide = rig.attach(FEATURE_COUNT_MAX);
    // A sequence from the future, which is looked at again and again.
    for _ in 0..SLOTS + 2 {
        rig.clients[broken].submit();
    }
    for _ in 0..200 {
        for client in [narrow, wide] {
            rig.clients[client].submit();
        }
        rig.worker.turn();
        assert_eq!([narrow, wide].map(|client| rig.clients[client].take()), [1, 1]);
    }
    assert_eq!((rig.worker.lanes.len(), rig.worker.narrow_count), (2, 1));
    assert!(rig.handle.take_returned().is_some_and(|lane| lane.broken()));
}
