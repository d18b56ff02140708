/// What one service requests of the shared budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetRequest {
    /// A higher priority is served first.
    pub priority: i32,
    /// Replicas that it gets in any case.
    pub min: u32,
    /// Its present or recommended replicas, whichever are more.
    pub demand: u32,
    /// Replicas that it can use if no other service demands them, so that it can begin to grow at once.
    pub limit: u32,
}

/// Shares `total` replicas. First every service gets its minimum, then the demands are met, then the
/// rest is shared up to the limits: by priority, and one replica in turn among equal priorities.
///
/// The sum of the shares exceeds `total` only if the sum of the minimums does.
pub fn share_budget(total: u32, requests: &[BudgetRequest]) -> Vec<u32> {
    let mut shares: Vec<u32> = requests.iter().map(|request| request.min).collect();
    let minimum = shares
        .iter()
        .fold(0_u32, |sum, share| sum.saturating_add(*share));
    let mut left = total.saturating_sub(minimum);
    let mut priorities: Vec<i32> = requests.iter().map(|request| request.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    let bounds: [fn(&BudgetRequest) -> u32; 2] =
        [|request| request.demand, |request| request.limit];
    for bound in bounds {
        for priority in priorities.iter().rev() {
            let mut served = true;
            while left > 0 && served {
                served = false;
                for (request, share) in requests.iter().zip(&mut shares) {
                    if left > 0 && request.priority == *priority && *share < bound(request) {
                        *share += 1;
                        left -= 1;
                        served = true;
                    }
                }
            }
        }
    }
    shares
}
