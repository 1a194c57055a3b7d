"""Why a socket is closed. 44xx: a decision, the same client does not come back as it is; 10xx: it comes back."""

from enum import IntEnum


class Close(IntEnum):
    """Close codes of all our sockets."""

    SHUTTING_DOWN = 1001
    COME_BACK_LATER = 1013
    MALFORMED = 4400
    SIGNED_OUT = 4401
    ROLE_LOST = 4403
    GONE = 4404
    CLIENT_ID_IN_USE = 4409
    TOO_LARGE = 4413
    SCHEMA_TOO_OLD = 4426
    TOO_FAST = 4429


class Closed(Exception):
    """The socket of whoever sent this has to be closed with `code`; nobody else notices."""

    def __init__(self, code: Close) -> None:
        super().__init__(code.name)
        self.code = code
