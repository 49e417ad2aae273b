"""What charging costs: tariffs, and the one exact function from a session to its price.

It owns tariffs and pricing. It says "this session costs so much, and why, line by line". It never asks who pays, moves
no money, and knows no session but what it is handed.
"""
