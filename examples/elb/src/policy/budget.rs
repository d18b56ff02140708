/// What one service asks of the cluster-wide budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Larger is served first.
    pub priority: i32,
    /// What it keeps whatever happens.
    pub min: u32,
    /// What it has now.
    pub replicas: u32,
    /// What it wishes to have.
    pub wish: u32,
}

/// Shares `total` replicas: everybody's minimum first, then wishes by priority, and among
/// equals one replica in turn.
///
/// The shares add up to more than `total` only if the minimums do.
pub fn shares(total: u32, claims: &[Claim]) -> Vec<u32> {
    let mut shares: Vec<u32> = claims.iter().map(|claim| claim.min).collect();
    let mut left = shares
        .iter()
        .fold(total, |left, share| left.saturating_sub(*share));
    let mut priorities: Vec<i32> = claims.iter().map(|claim| claim.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    for priority in priorities.into_iter().rev() {
        let mut served = true;
        while left > 0 && served {
            served = false;
            for (claim, share) in claims.iter().zip(&mut shares) {
                if left > 0 && claim.priority == priority && *share < claim.wish {
                    *share += 1;
                    left -= 1;
                    served = true;
                }
            }
        }
    }
    shares
}
