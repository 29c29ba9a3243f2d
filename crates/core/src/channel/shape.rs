//! What a client asks for.

use super::Refusal;
use crate::abi::class;
use crate::ring::Geometry;

/// The channel that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its rings.
    pub geometry: Geometry,
    /// A code of [`class`].
    pub class: u64,
}

impl Shape {
    /// A channel for models that share a worker.
    pub fn light(geometry: Geometry) -> Shape {
        Shape { geometry, class: class::LIGHT }
    }

    /// Checks what a greeting asks for.
    ///
    /// # Errors
    ///
    /// The refusal to send.
    pub fn of_greeting(
        feature_count: u64,
        slot_count: u64,
        output_count: u64,
        class: u64,
    ) -> Result<Shape, Refusal> {
        let number = |word: u64| usize::try_from(word).unwrap_or(usize::MAX);
        let geometry = Geometry::new(number(feature_count), number(slot_count))
            .ok_or(Refusal::Geometry { feature_count, slot_count })?
            .with_outputs(number(output_count))
            .ok_or(Refusal::Outputs { output_count, slot_count })?;
        if ![class::LIGHT, class::HEAVY].contains(&class) {
            return Err(Refusal::NoSuchClass { class });
        }
        Ok(Shape { geometry, class })
    }

    /// The numbers of a greeting: features, slots, outputs, class. An observer's are all 0.
    pub(super) fn numbers(shape: Option<Shape>) -> [u64; 4] {
        shape.map_or([0; 4], |Shape { geometry, class }| {
            let number = |count: usize| count as u64;
            [
                number(geometry.feature_count()),
                number(geometry.slot_count()),
                number(geometry.output_count()),
                class,
            ]
        })
    }
}
