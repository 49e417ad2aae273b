"""What drivers earn by charging: points, tiers, and cashback into their wallet."""
