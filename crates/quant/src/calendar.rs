//! [`Calendar`]: when a market trades, in its own time zone; [`Sessions`]: which windows belong
//! together.
//!
//! Time zones are those of the IANA database of the library, never of the machine, so that the
//! same trades give the same windows everywhere.

use factord_factors::Stated;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use std::fmt::Write;
use thiserror::Error;

/// The session of factors that have no calendar.
const NONE: &str = "none";

/// The sessions that are whole days.
pub const DAY: &str = "day";

/// The names of the settings.
const SESSION: &str = "session";
const ZONE: &str = "tz";

/// Why there is no such calendar.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// Text that is no session.
    #[error("`{0}` is no session: write HH:MM-HH:MM, several by commas")]
    Session(String),
    /// Sessions that do not follow each other within a day.
    #[error(
        "session {1} starts before {0} ends: write them in order of time, within 24 hours of the \
         first"
    )]
    Overlap(String, String),
    /// Sessions without a time zone.
    #[error("sessions are times of a place: name its time zone too, such as Asia/Shanghai or UTC")]
    NoZone,
    /// A name that is no time zone's.
    #[error(
        "`{0}` is no time zone: use a name of the IANA database, such as Asia/Shanghai, \
         America/New_York or UTC"
    )]
    Zone(String),
    /// A time zone that nothing depends on.
    #[error("session none has no days: leave the time zone out, or give session day")]
    Useless,
}

/// One session of a day: from its start, included, to its end, which may be on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    from: Time,
    to: Time,
}

impl Hours {
    /// Whether it ends on the day after its start.
    fn is_overnight(self) -> bool {
        self.to <= self.from
    }

    /// Minutes from its start to its end.
    fn minutes(self) -> i32 {
        let span = minute(self.to) - minute(self.from);
        if self.is_overnight() { span + DAY_MINUTES } else { span }
    }
}

const DAY_MINUTES: i32 = 24 * 60;

fn minute(time: Time) -> i32 {
    i32::from(time.hour()) * 60 + i32::from(time.minute())
}

/// When a market trades.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    zone_name: String,
    /// In order; a single one from midnight to midnight for whole days.
    hours: Vec<Hours>,
}

impl Calendar {
    /// Makes the calendar of a session and a time zone as flags and tables have them: `none`, `day`
    /// or `09:30-11:30,13:00-15:00`. Without a session, days; `None` without both.
    ///
    /// # Errors
    ///
    /// [`CalendarError`].
    pub fn new(
        session: Option<&str>,
        zone: Option<&str>,
    ) -> Result<Option<Calendar>, CalendarError> {
        let session = match (session, zone) {
            (None | Some(NONE), None) => return Ok(None),
            (Some(NONE), Some(_)) => return Err(CalendarError::Useless),
            (session, _) => session.unwrap_or(DAY),
        };
        let hours = hours(session)?;
        let zone_name = zone.ok_or(CalendarError::NoZone)?;
        let unknown = || CalendarError::Zone(zone_name.chars().take(80).collect());
        let zone = TimeZone::get(zone_name).map_err(|_| unknown())?;
        let zone_name = zone.iana_name().unwrap_or(zone_name).to_owned();
        Ok(Some(Calendar { zone, zone_name, hours }))
    }

    /// The calendar that a table or a model states.
    ///
    /// # Errors
    ///
    /// As for [`Calendar::new`].
    pub fn of(stated: &Stated) -> Result<Option<Calendar>, CalendarError> {
        Calendar::new(stated.get(SESSION), stated.get(ZONE))
    }

    /// Adds what it is to settings that are stated.
    pub fn state(&self, stated: &mut Stated) {
        let put = |stated: &mut Stated, name, text: &str| {
            stated.put(name, text).expect("plain texts, and far fewer than there may be");
        };
        put(stated, SESSION, &self.session());
        put(stated, ZONE, &self.zone_name);
    }

    /// Its sessions as text, which reads back.
    fn session(&self) -> String {
        if self.hours == [WHOLE_DAY] {
            return DAY.to_owned();
        }
        let mut text = String::new();
        for Hours { from, to } in &self.hours {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{}-{}", clock(*from), clock(*to));
        }
        text
    }

    /// The session that holds a moment: its start, and the first moment after it.
    pub fn at(&self, ts_ns: i64) -> Option<(i64, i64)> {
        let today = self.date(ts_ns)?;
        // An overnight session of the day before may still go on.
        [today.yesterday().ok(), Some(today)].into_iter().flatten().find_map(|date| {
            let sessions = self.hours.iter().filter_map(|hours| self.session_of(date, *hours));
            sessions.into_iter().find(|(from, to)| (*from..*to).contains(&ts_ns))
        })
    }

    fn session_of(&self, date: Date, hours: Hours) -> Option<(i64, i64)> {
        let last = if hours.is_overnight() { date.tomorrow().ok()? } else { date };
        Some((self.moment(date, hours.from)?, self.moment(last, hours.to)?))
    }

    fn date(&self, ts_ns: i64) -> Option<Date> {
        let moment = Timestamp::from_nanosecond(ts_ns.into()).ok()?;
        Some(self.zone.to_datetime(moment).date())
    }

    /// A time that a change of the clock skips is taken after it, one that it repeats the first
    /// time.
    fn moment(&self, date: Date, time: Time) -> Option<i64> {
        let moment = self.zone.to_timestamp(date.to_datetime(time)).ok()?;
        i64::try_from(moment.as_nanosecond()).ok()
    }

    /// A moment by the clock of its time zone, in nanoseconds since 1970 there.
    pub fn local_ns(&self, ts_ns: i64) -> i64 {
        let Ok(moment) = Timestamp::from_nanosecond(ts_ns.into()) else { return ts_ns };
        let offset = i64::from(self.zone.to_offset(moment).seconds());
        ts_ns.saturating_add(offset * 1_000_000_000)
    }

    /// Its time zone.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }
}

const WHOLE_DAY: Hours = Hours { from: Time::midnight(), to: Time::midnight() };

fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// Reads sessions of a day.
fn hours(text: &str) -> Result<Vec<Hours>, CalendarError> {
    if text == DAY {
        return Ok(vec![WHOLE_DAY]);
    }
    let refuse = || CalendarError::Session(text.chars().take(80).collect());
    let mut all: Vec<Hours> = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').ok_or_else(refuse)?;
        let from = time(from).ok_or_else(refuse)?;
        let to = if to == "24:00" { Some(Time::midnight()) } else { time(to) };
        all.push(Hours { from, to: to.ok_or_else(refuse)? });
    }
    // Each is placed behind the one before, on the clock that starts with the first.
    let first = minute(all[0].from);
    let mut end = 0;
    for (at, hours) in all.iter().enumerate() {
        let start = (minute(hours.from) - first).rem_euclid(DAY_MINUTES);
        if start < end || start + hours.minutes() > DAY_MINUTES {
            let shown = |at: usize| format!("{}-{}", clock(all[at].from), clock(all[at].to));
            return Err(CalendarError::Overlap(shown(at.saturating_sub(1)), shown(at)));
        }
        end = start + hours.minutes();
    }
    Ok(all)
}

/// Two digits, a colon and two digits.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| {
        let sound = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        sound.then(|| digits.parse::<i8>().ok()).flatten()
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}

/// The windows of one symbol as far as the next one needs them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session {
    window: Option<(i64, i64)>,
    /// That of the calendar.
    held: Option<(i64, i64)>,
}

/// What makes windows belong together.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// When the market trades.
    pub calendar: Option<Calendar>,
    /// The longest pause within a session; `None` is anything shorter than the window before it.
    pub pause_ns: Option<i64>,
}

impl Sessions {
    /// Whether a window, given by its start and end, goes on from the symbol's one before it.
    pub fn goes_on(&self, session: &Session, window: (i64, i64)) -> bool {
        let follows = |before| factord_factors::goes_on(before, window.0, self.pause_ns);
        session.window.is_some_and(follows)
            && (self.calendar.is_none()
                || session.held.is_some_and(|(from, to)| (from..to).contains(&window.0)))
    }

    /// The same, and takes the window.
    pub fn take(&self, session: &mut Session, window: (i64, i64)) -> bool {
        let goes_on = self.goes_on(session, window);
        if let Some(calendar) = self.calendar.as_ref().filter(|_| !goes_on) {
            session.held = calendar.at(window.0);
        }
        session.window = Some(window);
        goes_on
    }
}

impl Session {
    /// The last window that was taken.
    pub fn window(&self) -> Option<(i64, i64)> {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    fn calendar(session: &str, zone: &str) -> Calendar {
        Calendar::new(Some(session), Some(zone)).unwrap().unwrap()
    }

    /// The session that holds a second, in seconds.
    fn at(calendar: &Calendar, second: i64) -> Option<(i64, i64)> {
        let session = calendar.at(second * SECOND_NS);
        session.map(|(from, to)| (from / SECOND_NS, to / SECOND_NS))
    }

    /// Seconds are those of Python's zoneinfo.
    #[test]
    fn sessions_are_by_the_clock_of_their_place_with_daylight_saving() {
        let shanghai = calendar("09:30-11:30,13:00-15:00", "Asia/Shanghai");
        let open = 1_675_215_000;
        assert_eq!(at(&shanghai, open), Some((open, open + 7_200)));
        assert_eq!(at(&shanghai, open + 7_199), Some((open, open + 7_200)));
        assert_eq!((at(&shanghai, open - 1), at(&shanghai, open + 7_200)), (None, None));
        assert_eq!(at(&shanghai, open + 12_600), Some((open + 12_600, open + 19_800)));
        let new_york = calendar("09:30-16:00", "America/New_York");
        // The Fridays and Mondays around both changes of 2024.
        for open in [1_709_908_200, 1_710_163_800, 1_730_467_800, 1_730_730_600] {
            assert_eq!(at(&new_york, open + 3_600), Some((open, open + 23_400)));
            assert_eq!(at(&new_york, open - 1), None);
        }
        let days = calendar("day", "America/New_York");
        for (from, to, hours) in
            [(1_710_046_800, 1_710_129_600, 23), (1_730_606_400, 1_730_696_400, 25)]
        {
            assert_eq!(to - from, hours * 3_600);
            assert_eq!(at(&days, from), Some((from, to)));
            assert_eq!(at(&days, to - 1), Some((from, to)));
        }
    }

    #[test]
    fn a_session_over_midnight_is_one() {
        let futures = calendar("21:00-02:30,09:00-10:15,10:30-11:30", "Asia/Shanghai");
        let night = (1_715_000_400, 1_715_020_200);
        assert_eq!(at(&futures, night.0), Some(night));
        assert_eq!(at(&futures, 1_715_014_800), Some(night), "at one in the morning");
        assert_eq!(at(&futures, night.1), None);
        let all = calendar("00:00-24:00", "UTC");
        assert_eq!(
            (at(&all, 86_399), at(&all, 86_400)),
            (Some((0, 86_400)), Some((86_400, 172_800)))
        );
    }

    #[test]
    fn a_calendar_states_itself_in_texts_that_read_back() {
        let written = calendar("09:30-11:30,13:00-15:00", "asia/shanghai");
        let mut stated = Stated::default();
        written.state(&mut stated);
        let texts = [("session", "09:30-11:30,13:00-15:00"), ("tz", "Asia/Shanghai")];
        assert_eq!(stated.iter().collect::<Vec<_>>(), texts);
        let read = Calendar::of(&stated).unwrap().unwrap();
        assert_eq!(read.hours, written.hours);
        let of = |session, zone| Calendar::new(session, zone).map(|made| made.is_some());
        assert_eq!((of(None, None), of(Some("none"), None)), (Ok(false), Ok(false)));
        assert_eq!(of(None, Some("UTC")), Ok(true));
        assert_eq!(Calendar::new(None, Some("UTC")).unwrap().unwrap().session(), "day");
    }

    #[test]
    fn what_is_no_calendar_is_told_with_the_next_step() {
        let zone = Some("Asia/Shanghai");
        for (session, zone, words) in [
            (
                "09:30-11:3",
                zone,
                "`09:30-11:3` is no session: write HH:MM-HH:MM, several by commas",
            ),
            ("9:30-11:30", zone, "write HH:MM-HH:MM"),
            ("09:30", zone, "write HH:MM-HH:MM"),
            ("09:30-25:00", zone, "write HH:MM-HH:MM"),
            ("", zone, "write HH:MM-HH:MM"),
            ("09:30-11:30,11:00-12:00", zone, "session 11:00-12:00 starts before 09:30-11:30 ends"),
            ("13:00-15:00,09:30-11:30,14:00-16:00", zone, "write them in order of time"),
            ("09:30-11:30", None, "name its time zone too, such as Asia/Shanghai"),
            (
                "day",
                Some("Shanghai"),
                "`Shanghai` is no time zone: use a name of the IANA database",
            ),
            ("none", zone, "session none has no days"),
        ] {
            let refused = Calendar::new(Some(session), zone).unwrap_err().to_string();
            assert!(refused.contains(words), "{session}: {refused}");
        }
    }

    #[test]
    fn windows_of_two_sessions_do_not_belong_together_however_long_a_pause_may_be() {
        let calendar = Some(calendar("09:30-11:30,13:00-15:00", "Asia/Shanghai"));
        let sessions = Sessions { calendar, pause_ns: Some(i64::MAX) };
        let open = 1_675_215_000;
        let mut session = Session::default();
        let minutes = [0, 1, 118, 119, 210, 211, 1_440];
        let found = minutes.map(|minute| {
            let start = (open + 60 * minute) * SECOND_NS;
            sessions.take(&mut session, (start, start + 60 * SECOND_NS))
        });
        assert_eq!(found, [false, true, true, true, false, true, false]);
    }
}
