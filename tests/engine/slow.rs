//! A canary whose candidate takes long.

use crate::data::{self, Random};
use crate::harness::Watchdog;
use crate::pilot::{Rig, end, linear, logistic};
use factord_models::store::{self, Verb};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// [SPEC-806]
#[test]
fn a_candidate_that_takes_too_long_is_stopped_and_one_that_does_not_gets_all() {
    let _watchdog = Watchdog::start("a slow candidate", 240);
    // Some ten microseconds for a thousand trees, and a tenth of one for the others.
    let slow = data::forest(3, 1000, 5, 7);
    let (rig, versions) =
        Rig::new(&[("slow", vec![logistic(1.0), slow]), ("quick", vec![linear(1.0), linear(1.5)])]);
    let pilot = rig.pilot();
    let mut client = rig.engine.attach(3, 64);
    let mut random = Random(806);
    for (name, versions, is_stopped) in
        [("slow", &versions[0], true), ("quick", &versions[1], false)]
    {
        let words = ["canary", name, &versions[1].short(), "--steps", "128,256", "--hold", "100"];
        rig.done(&[&words[..], &["--guard", "service-time=4us"]].concat());
        let now = || store::deployment(&rig.root).unwrap().names[name].clone();
        let mut asked = 0;
        while now().canary.is_some() {
            assert!(asked < 20_000, "{name}: nothing came of {asked} requests");
            for _ in 0..256 {
                let number = client.number(name).unwrap();
                let (x, key) = (random.row(3), random.bits().max(1));
                client.predict_keyed(number, key, &x, 10 * SECOND).unwrap();
                asked += 1;
            }
            // Time for the pilot on a busy machine.
            thread::sleep(Duration::from_millis(20));
        }
        println!("{name}: {asked} requests, {:?}", rig.verbs(name));
        let last = store::changes(&rig.root, name).unwrap().pop().unwrap();
        if is_stopped {
            assert_eq!(rig.verbs(name), [Verb::Promote, Verb::Canary, Verb::Rollback]);
            assert_eq!(now().champion, versions[0]);
            let reason = last.reason.unwrap();
            assert!(reason.starts_with("guard service-time: the median of its last "), "{reason}");
            // The worker times one answer in 64, and half of the requests are the candidate's.
            assert!(asked >= 512, "{asked}");
        } else {
            use Verb::{Canary, Promote, Settle, Step};
            assert_eq!(rig.verbs(name), [Promote, Canary, Step, Settle]);
            assert_eq!(now().champion, versions[1]);
            // Eight timed answers at each step.
            assert!(asked >= 512, "{asked}");
        }
    }
    let text = end(pilot);
    assert!(text.contains("guard service-time"), "{text}");
}
