"""Keeping a site: what is known of it becomes a plan, the plan becomes what stations are told, again and again."""
