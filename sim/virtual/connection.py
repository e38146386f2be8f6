"""One side of a TCP connection in memory: what asyncio promises of a transport.

Bytes written leave at once while the other side's buffer has room (`WINDOW_BYTES` under way or unread), else they wait
in the writer's own buffer, whose marks pause and resume the protocol. They arrive in order, after the path's latency.
FIN follows the last byte; a closed end answers bytes with RST; `abort` is a FIN, or RST when bytes were unread or
SO_LINGER was set to zero. After `connection_lost` nothing is called any more.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from domain.clock import NS_PER_MS, NS_PER_S
from sim.virtual.loop import HOST, Host

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sim.virtual.loop import VirtualLoop

LATENCY_NS = 120_000
JITTER_NS = 40_000
WINDOW_BYTES = 256 * 1024
HIGH_WATER_BYTES = 64 * 1024
FRAGMENTS_MAX = 6
FRAGMENT_GAP_NS = 3 * NS_PER_MS
NO_LINGER = struct.pack("ii", 1, 0)
_FIN = object()


class Path:
    """The way to one server port, as it is now; all its connections share it."""

    __slots__ = ("bytes_per_s", "fragments", "jitter_ns", "latency_ns", "refuses", "unanswered", "window_bytes")

    def __init__(self) -> None:
        self.latency_ns = LATENCY_NS
        self.jitter_ns = JITTER_NS
        self.fragments = False
        self.bytes_per_s = 0
        self.window_bytes = WINDOW_BYTES
        self.refuses = False
        self.unanswered = False


class Sock:
    """What `get_extra_info("socket")` gives: addresses, and options that mean something or nothing."""

    family, type, proto = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP

    def __init__(self, name: tuple[str, int], peer: tuple[str, int] | None = None) -> None:
        self._name, self._peer = name, peer
        self.resets_on_close = False

    def getsockname(self) -> tuple[str, int]:
        """Its own address."""
        return self._name

    def getpeername(self) -> tuple[str, int] | None:
        """The other side's."""
        return self._peer

    def setsockopt(self, level: int, option: int, value: object) -> None:
        """Only SO_LINGER of zero seconds changes anything."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            self.resets_on_close = value == NO_LINGER

    def fileno(self) -> int:
        """It has none."""
        return -1


class Wires(Protocol):
    """What an end knows of the network that it is part of."""

    loop: VirtualLoop
    rng: Random
    tap: Callable[[End, bytes], None] | None

    def next_serial(self) -> int:
        """Return a number that only grows."""
        ...

    def forget(self, end: End) -> None:
        """Drop an end that is over."""
        ...


class End(asyncio.Transport):
    """One side of a connection."""

    peer: End

    def __init__(
        self, network: Wires, path: Path, port: int, names: tuple[tuple[str, int], tuple[str, int]], *, serves: bool
    ) -> None:
        sock = Sock(*names)
        super().__init__({"socket": sock, "sockname": names[0], "peername": names[1]})
        self.network, self.path, self.port, self.serves = network, path, port, serves
        self.sock = sock
        self.host: Host | None = HOST.get()
        self.context: contextvars.Context = contextvars.copy_context()
        self.loop = network.loop
        self.serial = network.next_serial()
        self.lost = False  # half open: nothing that this end sends arrives
        self._protocol: Any = None
        self._waiting: deque[bytes] = deque()  # written and not sent: our own buffer
        self._waiting_bytes = 0
        self._under_way = 0  # sent and not yet read by the other side
        self._arrived: deque[tuple[Any, int]] = deque()  # in the kernel, unread because reading is paused
        self._last_due_ns = 0
        self._reading = False  # until a protocol has it
        self._closing = self._gone = self._ended_writing = self._protocol_paused = self._fin_sent = False
        self._high, self._low = HIGH_WATER_BYTES, HIGH_WATER_BYTES // 4
        self.raw: socket.socket | None = None

    def begin(self, protocol: Any) -> None:
        """Connected: this protocol has it from now on."""
        self._protocol, self._reading = protocol, True
        protocol.connection_made(self)
        if self._arrived:
            self.loop.call_soon(self._drain, context=self.context)

    # --- what a protocol may call ------------------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the connection to another protocol."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who has it."""
        found: asyncio.BaseProtocol = self._protocol
        return found

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether bytes are handed on."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Leave what comes in the kernel."""
        if not self._closing:
            self._reading = False

    def resume_reading(self) -> None:
        """Hand on what waits, then what comes."""
        if not self._closing and not self._reading:
            self._reading = True
            if self._arrived:
                self.loop.call_soon(self._drain, context=self.context)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The marks at which the protocol is paused and resumed."""
        if high is None:
            high = HIGH_WATER_BYTES if low is None else 4 * low
        self._high, self._low = high, high // 4 if low is None else low
        self._pause_if_full()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Low and high mark."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Bytes that could not be sent yet."""
        return self._waiting_bytes

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, or keep until there is room."""
        if self._ended_writing:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._gone or self._closing or not data:
            return
        whole = bytes(data)
        if self.network.tap is not None:
            self.network.tap(self, whole)
        if not self._waiting and self._under_way + len(whole) <= self.path.window_bytes:
            self._send(whole)
            return
        self._waiting.append(whole)
        self._waiting_bytes += len(whole)
        self._flush()
        self._pause_if_full()

    def writelines(self, list_of_data: Any) -> None:
        """All of them as one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """TCP can."""
        return True

    def write_eof(self) -> None:
        """FIN after what was written; reading goes on."""
        if not self._ended_writing and not self._closing:
            self._ended_writing = True
            self._flush()

    def close(self) -> None:
        """FIN after what was written; nothing is read any more."""
        if self._closing:
            return
        self._closing = True
        self._flush()
        if not self._waiting:
            self.loop.call_soon(self._lose, None, context=self.context)

    def abort(self) -> None:
        """End it now; what could not be sent yet is thrown away."""
        self._force(None)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        self._under_way += len(data)
        path = self.path
        if path.fragments and len(data) > 1:
            rng = self.network.rng
            cuts = sorted(rng.sample(range(1, len(data)), min(len(data) - 1, rng.randint(1, FRAGMENTS_MAX))))
            for first, last in zip([0, *cuts], [*cuts, len(data)], strict=True):
                self._travel(data[first:last], last - first, rng.randrange(FRAGMENT_GAP_NS))
        else:
            self._travel(data, len(data), len(data) * NS_PER_S // path.bytes_per_s if path.bytes_per_s else 0)

    def _travel(self, what: Any, size: int, extra_ns: int = 0) -> None:
        """In order: nothing overtakes what was sent before."""
        if self.lost:
            return
        now_ns, path = self.loop.timeline.now_ns, self.path
        begun_ns = max(now_ns, self._last_due_ns - path.latency_ns) if extra_ns else now_ns
        due_ns = begun_ns + extra_ns + path.latency_ns + int(self.network.rng.random() * path.jitter_ns)
        self._last_due_ns = due_ns = max(due_ns, self._last_due_ns)
        self.loop.call_at_ns(due_ns, self.peer._arrive, what, size, context=self.peer.context)

    def _flush(self) -> None:
        while self._waiting and self._under_way < self.path.window_bytes:
            data = self._waiting.popleft()
            room = self.path.window_bytes - self._under_way
            if len(data) > room:
                self._waiting.appendleft(data[room:])
                data = data[:room]
            self._waiting_bytes -= len(data)
            self._send(data)
        if not self._waiting and (self._ended_writing or self._closing) and not self._fin_sent:
            self._fin_sent = True
            self._travel(_FIN, 0)

    def _pause_if_full(self) -> None:
        if self._waiting_bytes > self._high and not self._protocol_paused:
            self._protocol_paused = True
            self._protocol.pause_writing()

    def _read_by_peer(self, size: int) -> None:
        """The other side has taken bytes out of its buffer: there is room for more."""
        self._under_way -= size
        if not self._waiting or self._gone:
            return
        self._flush()
        if self._protocol_paused and self._waiting_bytes <= self._low:
            self._protocol_paused = False
            self._protocol.resume_writing()
        if self._closing and not self._waiting:
            self.loop.call_soon(self._lose, None, context=self.context)

    # --- receiving ---------------------------------------------------------------------------------------------------

    def _arrive(self, what: Any, size: int) -> None:
        if self.peer.lost or self._gone:
            if self._gone and size and not self.peer.lost:
                self._reset_peer()
            return
        if self._closing:
            return  # its owner has closed it and only flushes
        if not self._reading or self._arrived:
            self._arrived.append((what, size))
            return
        self._take(what, size)

    def _take(self, what: Any, size: int) -> None:
        if what is _FIN:
            keep_open = self._protocol.eof_received()
            if not keep_open:
                self.close()
            return
        self.peer._credit(size)
        self._protocol.data_received(what)

    def _credit(self, size: int) -> None:
        """The window opens in this end's own turn."""
        if self._waiting:
            self.loop.call_soon(self._read_by_peer, size, context=self.context)
        else:
            self._under_way -= size

    def _drain(self) -> None:
        while self._arrived and self._reading and not self._closing:
            self._take(*self._arrived.popleft())

    # --- ends --------------------------------------------------------------------------------------------------------

    def _reset_peer(self) -> None:
        if not self.lost:
            due_ns = self.loop.timeline.now_ns + self.path.latency_ns
            self.loop.call_at_ns(due_ns, self.peer._was_reset, context=self.peer.context)

    def _was_reset(self) -> None:
        self._force(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)), tell_peer=False)

    def _force(self, why: BaseException | None, *, tell_peer: bool = True) -> None:
        if self._gone:
            return
        self._gone = True
        self._closing = True
        self._waiting.clear()
        self._waiting_bytes = 0
        if tell_peer:
            self._kernel_closes()
        self.loop.call_soon(self._lost, why, context=self.context)

    def _kernel_closes(self) -> None:
        """What the other side hears of a closed descriptor."""
        if self.sock.resets_on_close or self._arrived:
            self._reset_peer()
        elif not self._fin_sent:
            self._fin_sent = True
            self._travel(_FIN, 0)

    def _lose(self, why: BaseException | None) -> None:
        """Closed and flushed."""
        if self._gone:
            return
        self._gone = True
        if self._arrived:
            self._reset_peer()
        self._lost(why)

    def _lost(self, why: BaseException | None) -> None:
        self.network.forget(self)
        if self.raw is not None:
            self.raw.close()
        protocol, self._protocol = self._protocol, _Nobody()
        if protocol is not None:
            protocol.connection_lost(why)

    def died(self) -> None:
        """Its process is gone: the kernel closes, nobody is told on this side."""
        if not self._gone:
            self._gone = self._closing = True
            self._kernel_closes()
        self.network.forget(self)
        if self.raw is not None:
            self.raw.close()

    # --- faults ------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Both sides are told that the connection was reset."""
        self.loop.call_soon(self._was_reset, context=self.context)
        self.loop.call_soon(self.peer._was_reset, context=self.peer.context)

    def fall_silent(self) -> None:
        """Half open: from now on nothing arrives on either side."""
        self.lost = self.peer.lost = True


class _Nobody(asyncio.Protocol):
    """Has the connection once it is lost."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Never."""
