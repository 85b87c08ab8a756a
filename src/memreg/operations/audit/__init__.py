"""The audit kept and looked after: sealed, verified, anchored, replayed, handed out, and cut to what has to be kept."""
