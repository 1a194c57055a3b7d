"""The engine: a state machine in rows.

Steps are claimed with an epoch and a lease; whoever lost them writes nothing.
"""
