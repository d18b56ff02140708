use super::PolicyResult;
use super::candidate::Candidate;
use sflow_autoscale::format;

/// For each policy that elb did not beat in both overload and cost: the difference and its reason.
pub(super) fn why(results: &[PolicyResult], target: f64) -> Vec<String> {
    let of = |policy| results.iter().find(|result| result.policy == policy);
    let Some(ours) = of(Candidate::Elb) else {
        return Vec::new();
    };
    let rivals = Candidate::ALL
        .into_iter()
        .filter(|policy| policy.is_rival());
    let mut lines: Vec<String> = rivals
        .filter_map(of)
        .filter_map(|rival| Difference::between(ours, rival).explain(rival.policy, target))
        .collect();
    if !lines.is_empty()
        && let Some(minute) = of(Candidate::ElbMinute)
        && cost(minute) + 1 < cost(ours)
    {
        let overload = |result: &PolicyResult| format!("{:.1}", result.score.overload_seconds);
        let (theirs, own) = (overload(minute), overload(ours));
        let overload = match theirs == own {
            true => "the same overload".to_owned(),
            false => format!("{theirs} s of overload instead of {own}"),
        };
        lines.push(format!(
            "elb keeps the size of a peak for five minutes; with one minute (elb-minute), {} \
             replica-seconds instead of {}, and {overload}",
            format::count(cost(minute)),
            format::count(cost(ours)),
        ));
    }
    lines
}

/// Difference between elb and another policy, rounded like the table.
pub(super) struct Difference {
    /// Additional overload of elb, in seconds.
    overload: f64,
    /// Additional cost of elb, in percent.
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

    /// Whether elb has less overload.
    pub(super) fn is_less_overloaded(&self) -> bool {
        self.overload < 0.0
    }

    /// Whether elb costs less.
    pub(super) fn is_cheaper(&self) -> bool {
        self.cost < 0.0
    }

    fn explain(&self, rival: Candidate, target: f64) -> Option<String> {
        if self.is_less_overloaded() && self.is_cheaper() {
            return None;
        }
        let overload = match self.overload {
            more if more > 0.0 => format!("{more:.1} s more overload"),
            less if less < 0.0 => format!("{:.1} s less overload", -less),
            _ => "the same overload".to_owned(),
        };
        let cost = match self.cost {
            more if more > 0.0 => format!("{more:.1} % higher cost"),
            less if less < 0.0 => format!("{:.1} % lower cost", -less),
            _ => "the same cost".to_owned(),
        };
        let reason = self.reason(rival, target);
        Some(format!("{}: {cost}, {overload}: {reason}", rival.name()))
    }

    /// The reason why elb is not better in both.
    fn reason(&self, rival: Candidate, target: f64) -> String {
        let filled = format!("elb up to {:.0} %", 100.0 * target);
        match rival {
            Candidate::Article if self.overload > 0.0 => {
                "it had surplus replicas when the load increased".to_owned()
            }
            Candidate::Article => {
                format!("it loads replicas up to 100 % before it adds one, {filled}")
            }
            Candidate::Hpa if self.overload > 0.0 => {
                "the time of its decision within 15 s was favourable".to_owned()
            }
            Candidate::Hpa if self.is_less_overloaded() => {
                "elb reacts up to 13 s earlier, which increases the cost".to_owned()
            }
            Candidate::Hpa => "elb decides every 2 s and keeps replicas for peaks that HPA, \
                               deciding every 15 s, misses"
                .to_owned(),
            Candidate::FixedPeak | Candidate::FixedMean if self.is_cheaper() => {
                "it has the replicas in advance; elb must measure the load (counters up to \
                 10 s old) and start containers (3 to 8 s)"
                    .to_owned()
            }
            Candidate::FixedPeak | Candidate::FixedMean if self.is_less_overloaded() => {
                "it knows the mean load in advance; higher load is overload".to_owned()
            }
            Candidate::FixedPeak | Candidate::FixedMean => format!(
                "it knows the load in advance, needs no measurement and no start-up, and loads \
                 replicas up to 100 %, {filled}"
            ),
            Candidate::Elb | Candidate::ElbMinute => "it is the same policy".to_owned(),
        }
    }
}

/// Rounded like the table.
fn cost(result: &PolicyResult) -> u64 {
    result.score.replica_seconds.round() as u64
}
