//! A window that slides over time: what was counted lately, in slots that fall out whole.

use std::collections::VecDeque;
use std::time::Duration;

/// Slots of a window: it forgets in steps of a sixtieth of its length.
const SLOTS: u32 = 60;

/// Counts of the last while.
#[derive(Debug)]
pub struct Window<T> {
    slot: Duration,
    slots: VecDeque<(u128, T)>,
}

impl<T: Default> Window<T> {
    /// Over this length of time; at least 60 ns.
    pub fn new(length: Duration) -> Self {
        Self { slot: (length / SLOTS).max(Duration::from_nanos(1)), slots: VecDeque::new() }
    }

    /// Where what happens now is counted.
    pub fn now(&mut self, now: Duration) -> &mut T {
        self.forget(now);
        let number = self.number(now);
        if self.slots.back().is_none_or(|(newest, _)| *newest < number) {
            self.slots.push_back((number, T::default()));
        }
        &mut self.slots.back_mut().expect("it was just put there").1
    }

    /// All that was counted within the window.
    pub fn within(&mut self, now: Duration) -> impl Iterator<Item = &T> {
        self.forget(now);
        self.slots.iter().map(|(_, counted)| counted)
    }

    fn forget(&mut self, now: Duration) {
        let number = self.number(now);
        while self.slots.front().is_some_and(|(oldest, _)| oldest + u128::from(SLOTS) <= number) {
            self.slots.pop_front();
        }
    }

    fn number(&self, now: Duration) -> u128 {
        now.as_nanos() / self.slot.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut window: Window<u64> = Window::new(Duration::from_secs(60));
        let at = Duration::from_secs;
        *window.now(at(0)) += 1;
        *window.now(at(30)) += 10;
        *window.now(at(30)) += 100;
        assert_eq!(window.within(at(59)).sum::<u64>(), 111);
        assert_eq!(window.within(at(60)).sum::<u64>(), 110);
        assert_eq!(window.within(at(89)).sum::<u64>(), 110);
        assert_eq!(window.within(at(1000)).sum::<u64>(), 0);
        *window.now(at(1000)) += 1;
        assert_eq!(window.within(at(1000)).sum::<u64>(), 1);
    }
}
