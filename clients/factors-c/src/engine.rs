//! [`Engine`]: factors, and the windows that closed and were not taken yet.

use crate::settings::{TextError, settings, stated};
use factord_factors::{Counts, Factors, Row, SettingsMismatch, Stated, Trade};
use std::collections::VecDeque;
use thiserror::Error;

/// With so many windows waiting no trade is taken, so that a caller who never takes any is told
/// before the memory is used up. A trade may close as many more.
const WAITING_MAX: usize = 1 << 20;

/// Why a call did nothing.
#[derive(Clone, Debug, PartialEq, Error)]
pub(crate) enum Failure {
    #[error("a pointer is null that must not be")]
    Null,
    #[error("header and library have different layouts: build against the library's header")]
    Layout,
    #[error(transparent)]
    Settings(#[from] TextError),
    #[error(transparent)]
    Mismatch(#[from] SettingsMismatch),
    #[error("the side is none of the four")]
    Side,
    #[error("1048576 closed windows or more wait to be taken")]
    NotTaken,
    #[error("the library failed inside: make another engine, and report this")]
    Internal,
}

/// The factors of one symbol.
pub struct Engine {
    factors: Factors,
    stated: Stated,
    waiting: VecDeque<Row>,
    /// Whether the factors were left in the middle of something.
    broken: bool,
}

impl Engine {
    pub(crate) fn new(text: &[u8]) -> Result<Engine, Failure> {
        let settings = settings(text)?;
        let factors = Factors::new(&settings).map_err(TextError::from)?;
        let (stated, waiting) = (Stated::by(&settings), VecDeque::new());
        Ok(Engine { factors, stated, waiting, broken: false })
    }

    pub(crate) fn push(&mut self, trade: &Trade) -> Result<usize, Failure> {
        self.feed(
            #[inline(always)]
            |factors, waiting| factors.push(trade, &mut |row| waiting.push_back(*row)),
        )
    }

    pub(crate) fn advance(&mut self, now_ns: i64) -> Result<usize, Failure> {
        self.feed(|factors, waiting| factors.advance(now_ns, &mut |row| waiting.push_back(*row)))
    }

    pub(crate) fn finish(&mut self) -> Result<usize, Failure> {
        self.feed(|factors, waiting| factors.finish(&mut |row| waiting.push_back(*row)))
    }

    /// Does what may close windows; returns how many wait.
    #[inline(always)]
    fn feed(
        &mut self,
        work: impl FnOnce(&mut Factors, &mut VecDeque<Row>),
    ) -> Result<usize, Failure> {
        if self.broken {
            return Err(Failure::Internal);
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(Failure::NotTaken);
        }
        // A panic leaves it so.
        self.broken = true;
        work(&mut self.factors, &mut self.waiting);
        self.broken = false;
        Ok(self.waiting.len())
    }

    /// The oldest window that closed and was not taken yet.
    pub(crate) fn take(&mut self) -> Option<Row> {
        self.waiting.pop_front()
    }

    pub(crate) fn now(&self) -> Result<Row, Failure> {
        if self.broken { Err(Failure::Internal) } else { Ok(self.factors.now()) }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.factors.counts()
    }

    pub(crate) fn check(&self, model: &[u8]) -> Result<(), Failure> {
        Ok(stated(model)?.require(&self.stated)?)
    }

    /// What is stated of the settings, a line each.
    pub(crate) fn settings(&self) -> String {
        self.stated.iter().map(|(name, text)| format!("{name} = {text}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_factors::Side;

    fn engine() -> Engine {
        Engine::new(b"window = 1trade\nempty = keep").unwrap()
    }

    #[test]
    fn windows_that_nobody_takes_are_bounded() {
        let mut engine = engine();
        let trade = |at| Trade::new(at, 10.0, 1.0, Side::Buy);
        for at in 0..WAITING_MAX {
            assert_eq!(engine.push(&trade(at as i64)), Ok(at + 1));
        }
        let next = trade(WAITING_MAX as i64);
        assert_eq!(engine.push(&next), Err(Failure::NotTaken));
        assert_eq!(engine.counts().trades, WAITING_MAX as u64);
        assert_eq!(engine.take().map(|row| row.start_ns), Some(0));
        assert_eq!(engine.push(&next), Ok(WAITING_MAX));
    }

    #[test]
    fn an_engine_that_failed_inside_says_so_from_then_on() {
        let mut engine = engine();
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            engine.feed(|_, _| panic!("on purpose"))
        }));
        assert!(failed.is_err());
        let trade = Trade::new(0, 10.0, 1.0, Side::Buy);
        assert_eq!(engine.push(&trade), Err(Failure::Internal));
        assert_eq!(engine.now().unwrap_err(), Failure::Internal);
        assert_eq!(engine.take(), None);
    }
}
