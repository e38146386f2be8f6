"""Lines of a journal, changed and sealed again: what somebody who knows the format could forge."""

from __future__ import annotations

import msgspec

from journal.record import Body, ShortBody, seal


def sealed_again(line: bytes, **changes: object) -> tuple[bytes, str]:
    """The line with other fields and a hash that fits, and that hash."""
    fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    del fields["hash"]
    fields |= {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in changes.items()}
    kind: type[Body | ShortBody] = Body if "version" in fields else ShortBody
    return seal(msgspec.convert(msgspec.json.decode(msgspec.json.encode(fields)), kind))
