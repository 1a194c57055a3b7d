"""The rooms of this process: opened once, kept a while after the last socket, closed in order."""

import asyncio
import logging
import time
from uuid import UUID

from workspaces.documents.rooms import store
from workspaces.documents.rooms.room import Room
from workspaces.sockets import connection, reading
from workspaces.sockets.codes import Close
from workspaces.sockets.reading import read
from wukong.kernel import bus
from wukong.kernel.errors import Unavailable

KEEP_S = 30.0
LOOK_S = 2.0
SELDOM = 5
_FLUSH_S = 1.0
_FAREWELL_S = 0.05
_log = logging.getLogger("wukong.rooms")

_rooms: dict[UUID, Room] = {}
_opening: dict[UUID, "asyncio.Task[Room]"] = {}
_keeping: dict[UUID, asyncio.TimerHandle] = {}
_looking: "asyncio.Task[None] | None" = None
_is_closing = False


async def open_room(document_id: UUID) -> Room:
    """Return the room of a document, loaded if need be. Raises NotFound; Unavailable while the process is closing."""
    if _is_closing:
        raise Unavailable
    if (room := _rooms.get(document_id)) is not None:
        return room
    task = _opening.get(document_id)
    if task is None:  # many come at once after a restart: one load for all
        task = _opening[document_id] = asyncio.get_running_loop().create_task(_load(document_id))
        task.add_done_callback(lambda _task: _opening.pop(document_id, None))
    return await asyncio.shield(task)


async def _load(document_id: UUID) -> Room:
    global _looking
    early: list[bus.Message] = []
    end = bus.subscribe(f"document:{document_id}", early.append)
    try:
        room = Room(document_id, await reading.load(lambda: store.load(document_id)), _emptied)
        # Without a gap: a hint is given to those who listen, and `early` has what was said while the rows were read.
        room.at_the_end(bus.subscribe(f"document:{document_id}", room.hint))
    finally:
        end()
    if _is_closing:  # it was read while the process came to its end
        room.close(Close.SHUTTING_DOWN)
        raise Unavailable
    for message in early:
        room.hint(message)
    _rooms[document_id] = room
    room.presences.ask_around()
    if _looking is None or _looking.done():
        _looking = asyncio.get_running_loop().create_task(_look())
    _emptied(room)  # whoever asked for it may be gone by now
    return room


def _emptied(room: Room) -> None:
    """Close a room some time after its last socket: a reload comes back at once. Forget one that is closed."""
    if not room.is_closed:
        _look_in(room, KEEP_S)
    elif _rooms.get(room.document_id) is room:
        del _rooms[room.document_id]
        _stop_keeping(room.document_id)


def _look_in(room: Room, seconds: float) -> None:
    """See later whether a room is still empty. One timer a room: people come and go many times."""
    _stop_keeping(room.document_id)
    _keeping[room.document_id] = asyncio.get_running_loop().call_later(seconds, _end, room)


def _stop_keeping(document_id: UUID) -> None:
    if (timer := _keeping.pop(document_id, None)) is not None:
        timer.cancel()


def _end(room: Room) -> None:
    if _rooms.get(room.document_id) is not room or room.members:
        return
    if room.is_busy:
        _look_in(room, LOOK_S)
        return
    room.tidying.look(time.monotonic(), is_last=True)
    room.close(Close.COME_BACK_LATER)


async def _look() -> None:
    """Look after all open documents from time to time, and at their rows: hints may be lost.

    Within one process nothing loses them, so there the rows are looked at less often: an open page should cost nothing.
    """
    looks = 0
    while _rooms:
        await asyncio.sleep(LOOK_S)
        looks += 1
        try:
            rooms = [room for room in _rooms.values() if not room.is_closed]
            for room in rooms:
                room.look()
            if bus.is_shared() or looks % SELDOM == 0:
                await _compare(rooms)
        except Exception:  # noqa: BLE001 - the next look follows; without it nothing is caught up
            _log.exception("could not look after the rooms")


async def _compare(rooms: list[Room]) -> None:
    standings = await read(lambda: store.standings([room.document_id for room in rooms]))
    for room in rooms:
        if not room.is_closed:
            room.compare(standings.get(room.document_id))


async def close_all() -> None:
    """Write what is on its way, tell every socket of the process to come back, and end. Nobody is let in meanwhile."""
    global _is_closing, _looking
    _is_closing = True
    try:
        rooms = list(_rooms.values())
        for room in rooms:
            room.is_draining = True  # at once: the server cancels the consumers, and they would leave
        if rooms:
            await asyncio.gather(*(room.drain(_FLUSH_S) for room in rooms))
        for room in rooms:
            room.close(Close.SHUTTING_DOWN)
        if _looking is not None:
            _looking.cancel()
            _looking = None
        if connection.close_all() or rooms:
            await asyncio.sleep(_FAREWELL_S)  # the close frames leave
        await reading.close()
    finally:
        _rooms.clear()
        for document_id in list(_keeping):
            _stop_keeping(document_id)


def reopen() -> None:
    """Let people in again (tests)."""
    global _is_closing
    _is_closing = False
