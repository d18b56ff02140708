/// What one service asks of the cluster-wide budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Larger is served first.
    pub priority: i32,
    /// What it keeps whatever happens.
    pub min: u32,
    /// What it has, or wishes to have if that is more.
    pub wish: u32,
    /// What it could use of what nobody has wished for: so it can begin to grow before it has
    /// said so.
    pub room: u32,
}

/// Shares `total` replicas: everybody's minimum first, then wishes, then room for more; wishes
/// and room by priority, and among equals one replica in turn.
///
/// The shares add up to more than `total` only if the minimums do.
pub fn shares(total: u32, claims: &[Claim]) -> Vec<u32> {
    let mut shares: Vec<u32> = claims.iter().map(|claim| claim.min).collect();
    let least = shares
        .iter()
        .fold(0_u32, |sum, share| sum.saturating_add(*share));
    let mut left = total.saturating_sub(least);
    let mut priorities: Vec<i32> = claims.iter().map(|claim| claim.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    let asked: [fn(&Claim) -> u32; 2] = [|claim| claim.wish, |claim| claim.room];
    for asked in asked {
        for priority in priorities.iter().rev() {
            let mut served = true;
            while left > 0 && served {
                served = false;
                for (claim, share) in claims.iter().zip(&mut shares) {
                    if left > 0 && claim.priority == *priority && *share < asked(claim) {
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
