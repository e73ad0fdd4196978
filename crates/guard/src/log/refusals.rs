//! The last refusals, for `split-ssh status`: alike ones are one, and no qube's push out all of another's.

use std::collections::VecDeque;

use common::control::RefusedRequest;

/// As many as a person looks through.
const MAX_KEPT: usize = 20;

/// Newest first.
#[derive(Debug, Default)]
pub struct Refusals(pub VecDeque<RefusedRequest>);

impl Refusals {
    pub fn add(&mut self, mut refusal: RefusedRequest) {
        match self
            .0
            .iter()
            .position(|kept| is_same_refusal(kept, &refusal))
        {
            Some(place) => {
                refusal.times += self.0.remove(place).map_or(0, |kept| kept.times);
            }
            None if self.0.len() >= MAX_KEPT => self.forget_one(),
            None => {}
        }
        self.0.push_front(refusal);
    }

    /// The oldest of those who have the most.
    fn forget_one(&mut self) {
        let count = |qube: &Option<String>| self.0.iter().filter(|kept| kept.qube == *qube).count();
        let counts: Vec<usize> = self.0.iter().map(|kept| count(&kept.qube)).collect();
        let most = counts.iter().max().copied();
        if let Some(place) = counts.iter().rposition(|count| Some(*count) == most) {
            self.0.remove(place);
        }
    }
}

fn is_same_refusal(one: &RefusedRequest, other: &RefusedRequest) -> bool {
    one.qube == other.qube && one.what == other.what && one.why == other.why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(qube: &str, what: &str, time: usize) -> RefusedRequest {
        RefusedRequest {
            time: time.to_string(),
            qube: Some(qube.to_owned()),
            what: what.to_owned(),
            why: String::new(),
            times: 1,
        }
    }

    #[test]
    fn alike_ones_are_counted_whatever_came_between() {
        let mut refusals = Refusals::default();
        for time in 0..100 {
            refusals.add(refusal("work", ["list", "sign"][time % 2], time));
        }
        let kept = refusals.0;
        let told: Vec<_> = kept
            .iter()
            .map(|one| (one.what.as_str(), one.time.as_str(), one.times))
            .collect();
        assert_eq!(told, [("sign", "99", 50), ("list", "98", 50)]);
    }

    #[test]
    fn a_loud_qube_pushes_out_its_own() {
        let mut refusals = Refusals::default();
        refusals.add(refusal("quiet", "list", 0));
        refusals.add(refusal("other", "list", 1));
        for time in 2..100 {
            refusals.add(refusal("loud", &time.to_string(), time));
        }
        let kept = refusals.0;
        assert_eq!(kept.len(), MAX_KEPT);
        assert_eq!(kept[0].time, "99", "the newest is kept");
        assert_eq!(kept[MAX_KEPT - 1].qube.as_deref(), Some("quiet"));
        assert_eq!(kept[MAX_KEPT - 2].qube.as_deref(), Some("other"));
    }
}
