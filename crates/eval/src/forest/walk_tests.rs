//! Forests against the definition, written as plainly as it stands.

use super::*;

/// xorshift64*, for trees that are the same in every run.
pub(super) fn numbers(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// A tree of some shape, breadth first, with up to `most` splits.
fn tree(next: &mut impl FnMut() -> u64, width: u16, most: usize) -> Vec<Node> {
    let thresholds = [0.5, -0.5, 0.0, ZERO, -ZERO, 1e300, f64::INFINITY, f64::NEG_INFINITY];
    let (mut nodes, mut open, mut splits) = (Vec::new(), 1, 0);
    while open > 0 {
        let bits = next();
        if splits < most && (bits & 3 != 0 || (open == 1 && splits == 0)) {
            let missing = [Missing::None, Missing::Zero, Missing::Nan][(bits >> 8) as usize % 3];
            nodes.push(Node::Split {
                feature: (bits >> 16) as u16 % width,
                threshold: thresholds[(bits >> 32) as usize % thresholds.len()],
                missing,
                default_left: missing == Missing::None || bits & 16 != 0,
            });
            (splits, open) = (splits + 1, open + 1);
        } else {
            nodes.push(Node::Leaf((bits >> 11) as f64 / (1u64 << 53) as f64 - 0.5));
            open -= 1;
        }
    }
    nodes
}

/// The leaf that a row reaches, by the words of LightGBM's own decision.
fn leaf(nodes: &[Node], x: &[f64]) -> f64 {
    let mut at = 0;
    loop {
        let splits = nodes[..at].iter().filter(|node| matches!(node, Node::Split { .. })).count();
        match nodes[at] {
            Node::Leaf(value) => return value,
            Node::Split { feature, threshold, missing, default_left } => {
                let mut x = x[usize::from(feature)];
                x = if x.abs() <= ZERO { 0.0 } else { x };
                if x.is_nan() && missing != Missing::Nan {
                    x = 0.0;
                }
                let is_missing = (missing == Missing::Zero && x == 0.0) || x.is_nan();
                let is_left = if is_missing { default_left } else { x <= threshold };
                at = 2 * splits + if is_left { 1 } else { 2 };
            }
        }
    }
}

fn forest(trees: &[Vec<Node>], width: u16, link: Link, is_average: bool) -> Forest {
    let mut builder = Builder::new(width.into(), link, is_average).unwrap();
    trees.iter().for_each(|tree| builder.push(tree).unwrap());
    builder.finish().unwrap()
}

#[test]
fn a_forest_has_the_bits_of_its_definition_row_by_row() {
    let mut next = numbers(0x9e37_79b9_7f4a_7c15);
    let odd = [0.0, -0.0, f64::NAN, 1e-36, -1e-36, 1e300, 5e-324, 0.5, -0.5, f64::MAX, -f64::MAX];
    let mut inputs = [0; 3];
    for (round, width) in [1, 2, 3, 40, 300, 1024].into_iter().cycle().take(60).enumerate() {
        let count = 1 + next() as usize % 40;
        let trees: Vec<_> = (0..count).map(|_| tree(&mut next, width, 63)).collect();
        let forest = forest(&trees, width, Link::Identity, round % 2 == 0);
        inputs[[64, 512].iter().filter(|&&room| forest.parts.inputs >= room).count()] += 1;
        for _ in 0..50 {
            let x: Vec<f64> = (0..width)
                .map(|_| match next() % 3 {
                    0 => odd[next() as usize % odd.len()],
                    _ => (next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0,
                })
                .collect();
            let sum = trees.iter().fold(0.0, |sum, tree| sum + leaf(tree, &x));
            let expected = if round % 2 == 0 { sum / count as f64 } else { sum };
            assert_eq!(forest.score(&x).to_bits(), expected.to_bits(), "{width}: {x:?}");
        }
    }
    assert!(inputs.iter().all(|&count| count > 0), "every size of scratch: {inputs:?}");
}

#[test]
fn the_nodes_of_a_forest_are_those_it_was_made_of() {
    let mut next = numbers(7);
    let mut trees: Vec<_> = (0..30).map(|_| tree(&mut next, 5, 31)).collect();
    let forest = forest(&trees, 5, Link::Sigmoid { scale: 2.0 }, false);
    assert_eq!((forest.link(), forest.divisor()), (Link::Sigmoid { scale: 2.0 }, 1.0));
    let sizes: Vec<usize> = trees.iter().map(Vec::len).collect();
    assert_eq!(forest.tree_sizes().collect::<Vec<_>>(), sizes);
    for node in trees.iter_mut().flatten() {
        if let Node::Split { threshold, .. } = node {
            *threshold = threshold.min(f64::MAX);
        }
    }
    assert_eq!(forest.nodes().collect::<Vec<_>>(), trees.concat());
    let mut check = Check::new(forest.words(), 5).unwrap();
    while check.step(forest.words(), 3) == Some(false) {}
    assert_eq!(check.forest(forest.words()).unwrap(), forest);
}

/// Whether words pass the check, and what a forest of them would answer whether they do or not.
fn walked(words: &[u64]) -> Option<f64> {
    let score = Parts::of(words).map(|parts| Forest { words, width: 3, parts }.score(&[0.1; 3]));
    let mut check = Check::new(words, 3)?;
    // No more steps than nodes.
    check.step(words, words.len())?;
    check.forest(words)?;
    score
}

#[test]
fn any_words_are_walked_within_bounds_and_only_a_builder_s_pass_the_check() {
    let mut next = numbers(11);
    let trees: Vec<_> = (0..9).map(|_| tree(&mut next, 3, 7)).collect();
    let sound = forest(&trees, 3, Link::Identity, false);
    let words = sound.words();
    assert!(walked(words).is_some());
    let mut refused = 0;
    for at in 0..words.len() {
        for bit in 0..64 {
            let mut changed = words.to_vec();
            changed[at] ^= 1 << bit;
            match walked(&changed) {
                None => refused += 1,
                // Another threshold, value, input, divisor or scale.
                Some(_) => assert!(at >= HEAD_WORDS || (2..4).contains(&at), "{at} {bit}"),
            }
        }
        assert!(walked(&words[..at]).is_none(), "{at}");
    }
    assert!(refused > 32 * words.len(), "{refused}");
    for _ in 0..2000 {
        let mut changed = words.to_vec();
        let first = HEAD_WORDS + next() as usize % (words.len() - HEAD_WORDS);
        changed[first..].iter_mut().for_each(|word| *word = next());
        walked(&changed);
    }
}

#[test]
fn a_circle_of_nodes_ends() {
    let mut builder = Builder::new(3, Link::Identity, false).unwrap();
    let split =
        Node::Split { feature: 0, threshold: 0.5, missing: Missing::Nan, default_left: true };
    builder.push(&[split, Node::Leaf(1.0), Node::Leaf(2.0)]).unwrap();
    let forest = builder.finish().unwrap();
    let mut words = forest.words().to_vec();
    let parts = forest.parts;
    let root = parts.first_node();
    // The root is its own child, and claims the depth of all.
    words[root + 1] &= 0xFFFF;
    words[HEAD_WORDS + parts.inputs] |= 0xFFFF_FFFF << 32;
    let circle = Forest { words: &words[..], width: 3, parts };
    assert_eq!(circle.score(&[0.1; 3]), 0.5, "it stops at the root");
    let mut check = Check::new(&words, 3).unwrap();
    assert_eq!(check.step(&words, 10), None);
}

#[test]
fn what_is_no_forest_is_refused_by_tree_and_node() {
    let split = |feature, threshold| Node::Split {
        feature,
        threshold,
        missing: Missing::None,
        default_left: true,
    };
    let leaf = Node::Leaf(0.5);
    let error = |nodes: &[Node]| {
        let mut builder = Builder::new(2, Link::Identity, false).unwrap();
        builder.push(&[leaf]).unwrap();
        builder.push(nodes).unwrap_err()
    };
    let shape = |node| ForestError::Shape { tree: 1, node };
    assert_eq!(error(&[]), shape(0));
    assert_eq!(error(&[leaf, leaf]), shape(1));
    assert_eq!(error(&[split(0, 0.0), leaf]), shape(2));
    assert_eq!(error(&[split(0, 0.0), leaf, leaf, leaf]), shape(3));
    assert_eq!(
        error(&[split(0, 0.0), leaf, split(2, 0.0), leaf, leaf]),
        ForestError::Feature { tree: 1, node: 2, feature: 2, width: 2 }
    );
    assert!(matches!(
        error(&[split(1, f64::NAN), leaf, leaf]),
        ForestError::Value { tree: 1, node: 0, what: "threshold", .. }
    ));
    assert_eq!(
        error(&[split(1, 0.0), leaf, Node::Leaf(f64::INFINITY)]),
        ForestError::Value { tree: 1, node: 2, what: "leaf", value: f64::INFINITY }
    );
    let chain = |depth: usize| {
        let mut nodes = vec![split(0, 0.0)];
        (1..depth).for_each(|_| nodes.extend([leaf, split(0, 0.0)]));
        nodes.extend([leaf, leaf]);
        nodes
    };
    let depth = DEPTH_MAX + 1;
    assert_eq!(error(&chain(depth)), ForestError::Depth { tree: 1, depth });
    let mut builder = Builder::new(2, Link::Identity, false).unwrap();
    builder.push(&chain(DEPTH_MAX)).unwrap();
    assert_eq!(builder.finish().unwrap().score(&[1.0, 0.0]), 0.5);
    assert_eq!(Builder::new(2, Link::Identity, true).unwrap().finish(), Err(ForestError::Empty));
    assert_eq!(
        Builder::new(0, Link::Identity, false).unwrap_err(),
        ForestError::Width { found: 0 }
    );
    let scale = -1.0;
    assert_eq!(
        Builder::new(1, Link::Sigmoid { scale }, false).unwrap_err(),
        ForestError::Scale { scale }
    );
}
