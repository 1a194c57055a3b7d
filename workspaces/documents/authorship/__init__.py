"""Who wrote what: a projection of a document's log.

`reading` takes an update apart, `tree` puts its pieces into their places as Yjs does, `matching` and `pools` find out
which inserted words are words that were there before, `book` does it row by row, `state` keeps the result. These are
pure: a function of the log's rows and of nothing else. `services` brings a document's row up to the head of its log.
"""
