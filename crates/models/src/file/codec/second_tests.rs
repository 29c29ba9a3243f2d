//! Hostile sections, with hashes that vouch for them.

use super::super::super::facts::{DataFile, EDGE_COUNT};
use super::super::{decode as read, frame, to_bytes};
use super::*;
use factord_eval::Model;

fn artifact() -> Artifact {
    let model = Model::logistic(vec![1.5, -2.0], 0.25, vec![0.5, 0.1], vec![2.0, 3.0]).unwrap();
    let details = Details {
        name: "600519.SH.next-1m".to_owned(),
        feature_names: vec!["a".to_owned(), "b".to_owned()],
        ..Details::default()
    };
    let mut settings = Stated::default();
    settings.put("window", "5m").unwrap();
    settings.put("large", "2e5").unwrap();
    let edges: [f64; EDGE_COUNT] = std::array::from_fn(|edge| edge as f64 / 8.0);
    let training = Training {
        target: "sell_rate".to_owned(),
        horizon: 1,
        pause_ns: None,
        rows: 1000,
        feature_edges: vec![edges; 2],
        answer_edges: edges,
    };
    let table = DataFile { name: "t.csv".to_owned(), sha256: Some([7; 32]), held_out: false };
    let lineage = Lineage { parent: Some([9; 32]), tables: vec![table] };
    let (training, lineage) = (Some(training), Some(lineage));
    let facts = Facts { settings, training, lineage, others: Vec::new() };
    Artifact::with_facts(model, details, facts).unwrap()
}

type Raw = Vec<(Tag, bool, Vec<u8>)>;

/// The sections as they are written.
fn sections() -> Raw {
    let artifact = artifact();
    let payload = payload(&artifact, artifact.facts.as_ref().unwrap());
    let parts = sections::split(&payload).unwrap();
    parts.into_iter().map(|part| (part.tag, part.required, part.bytes.to_vec())).collect()
}

/// An artifact of sections in the order given, with a header that vouches for it.
fn sealed(sections: &Raw) -> Vec<u8> {
    let mut payload = (sections.len() as u32).to_le_bytes().to_vec();
    for (tag, required, bytes) in sections {
        payload.extend(tag.bytes());
        payload.extend(u32::from(*required).to_le_bytes());
        payload.extend((bytes.len() as u64).to_le_bytes());
    }
    sections.iter().for_each(|section| payload.extend(&section.2));
    frame(2, &payload)
}

fn refused(change: impl FnOnce(&mut Raw)) -> ArtifactError {
    let mut sections = sections();
    change(&mut sections);
    read(&sealed(&sections)).unwrap_err()
}

/// The contents of one section, changed.
fn changed<T: Serialize>(tag: Tag, contents: &T) -> ArtifactError {
    refused(|sections| {
        let section = sections.iter_mut().find(|section| section.0 == tag).unwrap();
        section.2 = to_bytes(contents);
    })
}

#[test]
fn an_unchanged_forgery_is_the_artifact() {
    let read = read(&sealed(&sections())).unwrap();
    assert_eq!(read, artifact());
    assert_eq!(read.encode(), sealed(&sections()));
    assert_eq!((read.format_version(), read.settings().get("window")), (2, Some("300s")));
}

#[test]
fn unknown_optional_sections_are_kept_and_unknown_required_ones_refused_by_name() {
    let other = |tag: &[u8; 4]| Tag::new(*tag).unwrap();
    let mut with = sections();
    with.push((other(b"XTRA"), false, vec![1, 2, 3]));
    with.insert(0, (other(b"0000"), false, Vec::new()));
    let bytes = sealed(&with);
    let kept = read(&bytes).unwrap();
    assert_eq!(kept.encode(), bytes);
    let others = &kept.facts().unwrap().others;
    assert_eq!((others.len(), &others[1].bytes[..]), (2, &[1, 2, 3][..]));
    // Made anew from its parts, they are there, too.
    let facts = kept.facts().unwrap().clone();
    let again = Artifact::with_facts(kept.model().clone(), kept.details().clone(), facts).unwrap();
    assert_eq!(again.encode(), bytes);
    let refusal = refused(|sections| sections.push((other(b"XTRA"), true, vec![1])));
    assert_eq!(
        refusal.to_string(),
        "section `XTRA` is required and not known to this version: use a newer factord"
    );
    // A section of this version cannot be smuggled in as an unknown one, nor twice.
    for (tag, twice) in [(b"COST", false), (b"XTRA", true)] {
        let mut facts = artifact().facts.unwrap();
        let section = super::super::super::Section { tag: other(tag), bytes: vec![0].into() };
        facts.others = vec![section; if twice { 2 } else { 1 }];
        let (model, details) = (artifact().model, artifact().details);
        assert!(Artifact::with_facts(model, details, facts).is_err());
    }
}

#[test]
fn unknown_families_and_kinds_are_refused_by_name() {
    let arithmetic =
        |family: &str, kind: &str| Arithmetic { family: family.to_owned(), kind: kind.to_owned() };
    let refusal = changed(ARITHMETIC, &arithmetic("xgboost", "trees"));
    assert_eq!(
        refusal.to_string(),
        "the arithmetic of \"xgboost\" is not known to this version: use a newer factord"
    );
    let refusal = changed(ARITHMETIC, &arithmetic(LIGHTGBM, "logistic"));
    let family = LIGHTGBM.to_owned();
    assert_eq!(refusal, ArtifactError::FamilyKind { family, kind: "logistic" });
    let refusal = changed(ARITHMETIC, &arithmetic(FACTORD, "cubic"));
    assert_eq!(refusal, ArtifactError::KindName { kind: "cubic".to_owned() });
    // Parameters of one kind under the name of the other.
    let refusal = changed(ARITHMETIC, &arithmetic(FACTORD, "linear"));
    assert_eq!(refusal, ArtifactError::NotCanonical);
}

#[test]
fn the_table_of_sections_is_checked_before_anything_is_read() {
    let count = refused(Vec::clear);
    assert!(
        matches!(count, ArtifactError::Sections { problem } if problem.contains("no sections"))
    );
    let order = refused(|sections| sections.swap(0, 1));
    assert!(matches!(order, ArtifactError::Sections { problem } if problem.contains("order")));
    let twice = refused(|sections| sections.insert(1, sections[0].clone()));
    assert!(matches!(twice, ArtifactError::Sections { problem } if problem.contains("twice")));
    let many = refused(|sections| {
        let tag = |number: u8| Tag::new([b'Z', b'Z', b'A' + number / 26, b'A' + number % 26]);
        sections.extend((0..57).map(|number| (tag(number).unwrap(), false, Vec::new())));
    });
    assert!(matches!(many, ArtifactError::Sections { problem } if problem.contains("64")));
    let payload = sealed(&sections())[52..].to_vec();
    let table = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut payload = payload.clone();
        change(&mut payload);
        read(&frame(2, &payload)).unwrap_err()
    };
    type Change = dyn Fn(&mut Vec<u8>);
    let all: [(&str, &Change); 7] = [
        ("ends early", &|payload| payload.truncate(3)),
        ("ends early", &|payload| payload.truncate(60)),
        ("tag", &|payload| payload[4] = b'a'),
        ("flags", &|payload| payload[8] = 3),
        ("ends early", &|payload| payload[12..20].fill(255)),
        ("ends early", &|payload| payload[17] = 1),
        ("bytes over", &|payload| payload.push(0)),
    ];
    for (expected, change) in all {
        let said = table(change).to_string();
        assert!(said.contains("table of sections") && said.contains(expected), "{said}");
    }
    // One byte moved from a section to the next is another reading of both.
    let moved = table(&|payload| {
        payload[12] += 1;
        payload[28] -= 1;
    });
    assert_eq!(moved, ArtifactError::NotCanonical);
}

#[test]
fn missing_sections_and_flags_of_another_sort_are_refused() {
    for tag in REQUIRED.into_iter().filter(|&tag| tag != TREES) {
        let refusal = refused(|sections| sections.retain(|section| section.0 != tag));
        assert_eq!(refusal, ArtifactError::MissingSection { tag });
    }
    let refusal = refused(|sections| sections.retain(|section| section.0 != COST));
    assert_eq!(refusal, ArtifactError::NotCanonical);
    for at in 0..8 {
        let refusal = refused(|sections| sections[at].1 ^= true);
        assert_eq!(refusal, ArtifactError::NotCanonical);
    }
}

#[test]
fn contents_that_are_not_as_they_would_be_written_are_refused() {
    for at in 0..8 {
        let refusal = refused(|sections| sections[at].2.push(0));
        assert_eq!(refusal, ArtifactError::NotCanonical, "{at}");
        let refusal = refused(|sections| {
            sections[at].2.pop();
        });
        assert!(matches!(refusal, ArtifactError::Encoding { .. }), "{at}: {refusal}");
    }
    let pairs = |pairs: &[(&str, &str)]| -> Pairs {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    for odd in [
        &[("window", "5m")][..],
        &[("window", "300s"), ("large", "200000")],
        &[("large", "200000"), ("window", "60s"), ("window", "300s")],
        &[],
    ] {
        assert_eq!(changed(SETTINGS, &pairs(odd)), ArtifactError::NotCanonical, "{odd:?}");
    }
    let refusal = changed(SETTINGS, &pairs(&[("per", "pound")]));
    assert!(refusal.to_string().contains("setting \"per\" cannot be \"pound\""), "{refusal}");
    let refusal = changed(COST, &Cost { operations: 31 });
    assert_eq!(refusal, ArtifactError::Cost { found: 31, expected: 32 });
}

#[test]
fn facts_that_do_not_fit_are_refused() {
    let training = |change: fn(&mut Training)| {
        let mut training = artifact().facts.unwrap().training.unwrap();
        change(&mut training);
        changed(TRAINING, &training)
    };
    let said = [
        training(|training| training.feature_edges.truncate(1)),
        training(|training| training.feature_edges[1][4] = f64::NAN),
        training(|training| training.feature_edges[0][0] = 0.5),
        training(|training| training.answer_edges[8] = f64::INFINITY),
        training(|training| training.target = "\u{1b}".to_owned()),
    ]
    .map(|refusal| refusal.to_string());
    assert_eq!(
        said,
        [
            "1 lists of edges for a model of 2 features",
            "the edges of b must be finite and ascend",
            "the edges of a must be finite and ascend",
            "the edges of the answers must be finite and ascend",
            "training target holds control characters",
        ]
    );
    let table = DataFile { name: String::new(), sha256: None, held_out: true };
    let lineage = Lineage { parent: None, tables: vec![table; 16_385] };
    let said = changed(LINEAGE, &lineage).to_string();
    assert!(said.contains("more than 16384 tables"), "{said}");
    let facts = Facts { lineage: Some(lineage), ..Facts::default() };
    let refusal = Artifact::with_facts(artifact().model, artifact().details, facts);
    assert_eq!(refusal, Err(ArtifactError::Tables { found: 16_385 }));
}

#[test]
fn hostile_lengths_inside_a_section_are_refused_and_sections_have_limits() {
    for tag in KNOWN.into_iter().filter(|&tag| tag != TREES) {
        for length in [u64::MAX, 1 << 32, 1 << 21] {
            let refusal = refused(|sections| {
                let section = sections.iter_mut().find(|section| section.0 == tag).unwrap();
                section.2.truncate(if tag == WEIGHTS { 8 } else { 0 });
                section.2.push(253);
                section.2.extend_from_slice(&length.to_le_bytes());
            });
            // A cost of so many operations is a number, and a wrong one.
            let cost = matches!(refusal, ArtifactError::Cost { .. });
            assert!(cost || matches!(refusal, ArtifactError::Encoding { .. }), "{tag}: {refusal}");
        }
        let refusal = refused(|sections| {
            let section = sections.iter_mut().find(|section| section.0 == tag).unwrap();
            section.2 = vec![0; LINEAGE_LEN_MAX + 1];
        });
        assert!(matches!(refusal, ArtifactError::SectionLength { .. }), "{tag}: {refusal}");
    }
}
