"""What an operator asks, answered from the lake: use, success, availability, drivers, profit, over one span of time.

Every answer is figures and tables (`model`), made once (`answering`) and shown by pages, the API, the command line and
reports alike; a chart is a drawing of a table, so whatever is drawn can be taken away.
"""
