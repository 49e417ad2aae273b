"""Reports on schedule: what the dashboards answer, as PDF and Excel, sent by mail and kept with their history.

Says what was made when, for whom, and why something was not. Never answers by itself: a report is what the dashboards
say of its days.
"""
