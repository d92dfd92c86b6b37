"""A log of the requests that this process sends to S3.

botocore tells its event handlers about each request, whoever sends it: boto3, django-storages or you. The
handlers here are among those that every new botocore session gets, as moto's are; a session that is older
than the first :class:`~cloud.Cloud` has neither.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS
from botocore.utils import determine_content_length

# The logs that are open now. The handlers and this list are the module's, not a Cloud's, because a session
# keeps its handlers for life: Django's connection of an earlier Cloud must be counted in the next one.
_open_logs: list["RequestLog"] = []


@dataclass(frozen=True)
class Request:
    """One request to S3.

    :param operation: its name in the S3 API, such as ``PutObject``.
    :param key: the object's key; the prefix for an operation that lists; empty if the operation has neither.
    :param bytes: how many bytes of an object's content were sent or received. A request that carries no
        content, such as ``HeadObject``, has 0.
    """

    operation: str
    key: str
    bytes: int


class RequestLog:
    """The requests that were sent while a block of code ran, in the order in which they were answered.

    :meth:`cloud.Cloud.requests` makes one. It may be read inside of the block, and after it.
    """

    def __init__(self) -> None:
        self._requests: list[Request] = []

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests)

    def count(self, operation: str) -> int:
        """Count the requests of one operation.

        :param operation: its name in the S3 API, such as ``PutObject``.
        :returns: how many there were.
        """
        return self.operations[operation]

    @property
    def operations(self) -> Counter[str]:
        """How many requests there were of each operation, in the order in which each first appeared."""
        return Counter(request.operation for request in self._requests)

    @property
    def bytes(self) -> int:
        """How many bytes of content were sent and received in all."""
        return sum(request.bytes for request in self._requests)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {operation}" for operation, count in self.operations.items())
        total = f"{len(self)} request{'' if len(self) == 1 else 's'}"
        return f"{total}: {counts}" if counts else total

    def _repr_html_(self) -> str:
        """Return a table with a row for each operation, for a notebook."""
        sizes: Counter[str] = Counter()
        for request in self._requests:
            sizes[request.operation] += request.bytes
        head = "".join(
            f'<th scope="col" style="text-align:{side}">{name}</th>'
            for name, side in (("Operation", "left"), ("Requests", "right"), ("Bytes", "right"))
        )
        rows = "".join(
            _row(operation, count, sizes[operation]) for operation, count in self.operations.items()
        )
        return (
            f'<table class="cloud-requests"><caption>{escape(repr(self))}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
            f"<tfoot>{_row('Total', len(self), self.bytes)}</tfoot></table>"
        )


def _row(name: str, count: int, size: int) -> str:
    cells = "".join(f'<td style="text-align:right">{number:,}</td>' for number in (count, size))
    return f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>{cells}</tr>'


@contextmanager
def recorded() -> Iterator[RequestLog]:
    """Record the requests of a block. Blocks may be nested: each counts all that happens within it.

    :returns: the log, which fills while the block runs.
    """
    log = RequestLog()
    _open_logs.append(log)
    try:
        yield log
    finally:
        # By identity: two logs are never the same, however alike.
        _open_logs[:] = [other for other in _open_logs if other is not log]


@contextmanager
def unrecorded() -> Iterator[None]:
    """Keep the requests of a block out of every log that is open: looking must not change what is seen."""
    logs = _open_logs[:]
    _open_logs.clear()
    try:
        yield
    finally:
        _open_logs[:] = logs


@contextmanager
def observed() -> Iterator[None]:
    """Let each botocore session that is made in the block tell its requests to the logs."""
    BUILTIN_HANDLERS[:0] = _HANDLERS
    try:
        yield
    finally:
        for handler in _HANDLERS:
            BUILTIN_HANDLERS.remove(handler)


# A botocore call has one dictionary, its context, which is the same from the first event to the last. It
# carries what each event learns to the next, in whatever thread they happen.
_CONTEXT = "cloud.requests"


def _describe(params: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
    """Note what an operation is about: the request itself has the key only as a part of its address."""
    context[_CONTEXT] = {
        "operation": model.name,
        "key": params.get("Key") or params.get("Prefix") or "",
        "sends": model.has_streaming_input,
        "receives": model.has_streaming_output,
    }


def _measure(request: Any, **_: object) -> None:
    """Note how much content a request carries, before it is sent: sending reads the body to its end."""
    if about := request.context.get(_CONTEXT):
        # Content that goes in chunks, each with a checksum, is longer on the wire than the object is.
        decoded = request.headers.get("X-Amz-Decoded-Content-Length")
        about["sent"] = int(decoded or determine_content_length(request.data) or 0) if about["sends"] else 0


def _record(response_dict: dict[str, Any] | None, context: dict[str, Any], **_: object) -> None:
    """Record a request, whatever came back; botocore emits this for each attempt."""
    about = context.get(_CONTEXT)
    if not about:
        return
    received = 0
    if about["receives"] and response_dict and response_dict["status_code"] < 300:
        received = int(response_dict["headers"].get("Content-Length", 0))
    request = Request(about["operation"], about["key"], about["sent"] + received)
    for log in _open_logs:
        log._requests.append(request)


_HANDLERS: list[tuple[str, Callable[..., None]]] = [
    ("before-parameter-build.s3", _describe),
    ("request-created.s3", _measure),
    ("response-received.s3", _record),
]
