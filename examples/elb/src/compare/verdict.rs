use super::PolicyResult;
use super::contender::Contender;
use crate::words;

/// For each rival that ours did not beat on both overload and cost: by how much, and why.
pub(super) fn why(results: &[PolicyResult], target: f64) -> Vec<String> {
    let of = |policy| results.iter().find(|result| result.policy == policy);
    let Some(ours) = of(Contender::Elb) else {
        return Vec::new();
    };
    let rivals = Contender::ALL
        .into_iter()
        .filter(|policy| policy.is_rival());
    let mut lines: Vec<String> = rivals
        .filter_map(of)
        .filter_map(|rival| Difference::between(ours, rival).explain(rival.policy, target))
        .collect();
    if !lines.is_empty()
        && let Some(minute) = of(Contender::ElbMinute)
        && cost(minute) + 1 < cost(ours)
    {
        let overload = |result: &PolicyResult| format!("{:.1}", result.score.overload_seconds);
        let (theirs, own) = (overload(minute), overload(ours));
        let overload = match theirs == own {
            true => "as little overload".to_owned(),
            false => format!("{theirs} s of overload instead of {own}"),
        };
        lines.push(format!(
            "elb keeps for five minutes what a peak took; with one minute (elb-minute), {} \
             replica-seconds instead of {}, and {overload}",
            words::count(cost(minute)),
            words::count(cost(ours)),
        ));
    }
    lines
}

/// How ours differs from a rival, in what the table shows.
pub(super) struct Difference {
    /// Seconds of overload that ours has more.
    overload: f64,
    /// Percent of replica-seconds that ours has more.
    cost: f64,
}

impl Difference {
    pub(super) fn between(ours: &PolicyResult, rival: &PolicyResult) -> Self {
        let tenths = |result: &PolicyResult| (result.score.overload_seconds * 10.0).round();
        let (paid, less) = (cost(ours) as f64, cost(rival) as f64);
        Self {
            overload: (tenths(ours) - tenths(rival)) / 10.0,
            cost: 100.0 * (paid - less) / less.max(1.0),
        }
    }

    /// Less overload than the rival.
    pub(super) fn is_less_overloaded(&self) -> bool {
        self.overload < 0.0
    }

    /// Cheaper than the rival.
    pub(super) fn is_cheaper(&self) -> bool {
        self.cost < 0.0
    }

    fn explain(&self, rival: Contender, target: f64) -> Option<String> {
        if self.is_less_overloaded() && self.is_cheaper() {
            return None;
        }
        let overload = match self.overload {
            more if more > 0.0 => format!("{more:.1} s more overload"),
            less if less < 0.0 => format!("{:.1} s less overload", -less),
            _ => "as little overload".to_owned(),
        };
        let cost = match self.cost {
            more if more > 0.0 => format!("{more:.1} % dearer"),
            less if less < 0.0 => format!("{:.1} % cheaper", -less),
            _ => "as dear".to_owned(),
        };
        let reason = self.reason(rival, target);
        Some(format!("{}: {cost}, {overload}: {reason}", rival.name()))
    }

    /// Why ours does not win on both.
    fn reason(&self, rival: Contender, target: f64) -> String {
        let filled = format!("elb to {:.0} %", 100.0 * target);
        match rival {
            Contender::Article if self.overload > 0.0 => {
                "its replicas were there because they had been too many before".to_owned()
            }
            Contender::Article => {
                format!("it fills replicas to 100 % before it adds one, {filled}")
            }
            Contender::Hpa if self.overload > 0.0 => {
                "where in its 15 s it happened to look".to_owned()
            }
            Contender::Hpa if self.is_less_overloaded() => {
                "elb sees the load up to 13 s earlier, and pays from then on".to_owned()
            }
            Contender::Hpa => "elb looks every 2 s, so it also keeps replicas for peaks that HPA, \
                               looking every 15 s, misses"
                .to_owned(),
            Contender::FixedPeak | Contender::FixedMean if self.is_cheaper() => {
                "it has the replicas before the load comes; elb has to see it (counters up to \
                 10 s old) and to start them (3 to 8 s)"
                    .to_owned()
            }
            Contender::FixedPeak | Contender::FixedMean if self.is_less_overloaded() => {
                "it is told the mean load, and lets all above it be overload".to_owned()
            }
            Contender::FixedPeak | Contender::FixedMean => format!(
                "it is told the load beforehand, so it has nothing to see or to start, and fills \
                 replicas to 100 %, {filled}"
            ),
            Contender::Elb | Contender::ElbMinute => "it is the same policy".to_owned(),
        }
    }
}

/// Replica-seconds as the table shows them.
fn cost(result: &PolicyResult) -> u64 {
    result.score.replica_seconds.round() as u64
}
