//! What is shown of a forest, which has no weights to print.

use factord_core::abi::image_region;
use factord_eval::Forest;
use factord_eval::forest::Link;

/// Bytes of its image, which is what it takes to evaluate.
pub(super) fn image_len(forest: &Forest) -> usize {
    (image_region::PARAMETERS + forest.words().len()) * 8
}

/// The forest in words and figures, a line each.
pub(super) fn formula(forest: &Forest, target: &str) -> Vec<String> {
    let (trees, nodes) = (forest.tree_count(), forest.node_count());
    let divided = if forest.divisor() == 1.0 { "" } else { ", divided by their number" };
    let sum = format!("the sum of the leaves of {trees} trees ({nodes} nodes){divided}");
    let mut lines = match forest.link() {
        Link::Identity => vec![format!("{target} = {sum}")],
        Link::Sigmoid { scale } => vec![
            format!("d = {scale:?} * {sum}"),
            format!("probability that {target} is 1 = 1 / (1 + exp(-d)); class 1 when d > 0"),
        ],
    };
    lines.push("leaves are added in the order of the trees, from 0".to_owned());
    lines.push(format!("{} bytes in memory and as an image", image_len(forest)));
    lines
}
