"""From a plan to what stations are told: what each may draw, who is told what now, and the profile that says it."""
