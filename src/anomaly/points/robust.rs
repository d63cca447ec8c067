//! The robust seasonal detector of event counts, as a detector of points.
//!
//! It works on the stabilised scale ([`stabilise`]), which is made for counts and sums; a series whose values stray by
//! less than about 0.1 says nothing to it.

use super::alarms::{Alarms, REMEMBERED};
use super::{Detector, Judgement, Point, Reason, usable};
use crate::anomaly::codec::{Damaged, Reader, Writer};
use crate::anomaly::detector::{Prior, Seasonal, stabilise};
use crate::anomaly::season::Moment;
use crate::anomaly::tail::{Habit, Tail};

/// Points before anything is said.
const EXPERIENCED: u32 = 30;
/// Evidence, −log10 of a probability, that is nothing special.
const USUAL: f64 = 2.0;
/// The length of a bucket before two points have told it, in microseconds.
const FIRST_SPAN: i64 = 60_000_000;

/// The detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Robust {
    seasonal: Seasonal,
    tails: [Tail; 2],
    habit: Habit,
    alarms: Alarms<f32, REMEMBERED>,
    before: Option<i64>,
    span: i64,
    timed: bool,
}

impl Robust {
    const NO_PRIOR: Prior = Prior { known: false, location: 0.0, scale: 0.0, within: 0.0 };

    /// Nothing learnt; `timed` says whether the points' times mean something.
    pub fn new(timed: bool) -> Self {
        Self {
            seasonal: Seasonal::new(),
            tails: [Tail::NEW, Tail::NEW],
            habit: Habit::default(),
            alarms: Alarms::new(),
            before: None,
            span: FIRST_SPAN,
            timed,
        }
    }

    /// Start and length of the point's bucket: as long as from the point before, where that is plausible.
    fn moment(&mut self, seconds: i64) -> Moment {
        let seconds = if self.timed { seconds } else { 0 };
        let micros = seconds.clamp(-(1 << 42), 1 << 42) * 1_000_000;
        if let Some(before) = self.before.replace(micros)
            && (1_000_000..=86_400_000_000).contains(&(micros - before))
        {
            self.span = micros - before;
        }
        Moment { start: micros, span: self.span }
    }

    fn evidence(&self, surprise: f64) -> f64 {
        if self.seasonal.seen() < EXPERIENCED {
            return 0.0;
        }
        let tail = &self.tails[usize::from(surprise < 0.0)];
        tail.evidence(surprise.abs(), self.habit, self.seasonal.seen())
    }

    fn learn(&mut self, value: f64, surprise: f64, moment: Moment) {
        let clip = self.tails[usize::from(surprise < 0.0)].clip();
        let [above, below] = &mut self.tails;
        above.learn(surprise);
        below.learn(-surprise);
        self.habit.learn(surprise, clip, self.seasonal.seen());
        self.seasonal.learn(value, 1, moment, &Self::NO_PRIOR);
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut robust = Self::new(input.u8()? != 0);
        let known = input.u8()? != 0;
        robust.before = Some(input.i64()?).filter(|_| known);
        robust.span = input.i64()?;
        robust.seasonal = Seasonal::load(input)?;
        robust.tails = [Tail::load(input)?, Tail::load(input)?];
        robust.habit = Habit::load(input)?;
        robust.alarms = Alarms::load(input)?;
        Ok(robust)
    }
}

impl Detector for Robust {
    fn observe(&mut self, point: Point) -> Judgement {
        let Some(value) = usable(point.value) else { return Judgement::NOTHING };
        let moment = self.moment(point.seconds);
        let value = stabilise(value);
        let forecast = self.seasonal.forecast(moment, &Self::NO_PRIOR);
        let surprise = Seasonal::surprise(value, &forecast);
        let raw = (self.evidence(surprise) - USUAL).max(0.0);
        self.learn(value, surprise, moment);
        Judgement { raw, alarm: self.alarms.observe(raw), reason: Reason::Level }
    }

    fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.timed));
        out.u8(u8::from(self.before.is_some()));
        out.i64(self.before.unwrap_or(0));
        out.i64(self.span);
        self.seasonal.save(out);
        self.tails.iter().for_each(|tail| tail.save(out));
        self.habit.save(out);
        self.alarms.save(out);
    }
}
