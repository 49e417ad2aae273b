"""Where speed is measured, and the only place it is claimed: ours and the ordinary way, side by side in one run.

`python -m bench` starts an embedded PostgreSQL and NATS in a temporary folder, a real `forecourt gateway`, the ordinary
way of `ordinary`, and a crowd of stations (`crowd`) in a process of its own. Every module in `__main__.MEASUREMENTS`
measures one thing on both and returns `figures.Figure`s. CPU time per unit of work is what counts; ratios are judged.
"""
