"""A program named `promptstage` that a fork server becomes, with its streams, folder and environment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# It imports next to nothing, as that would take longer than all the rest.
_TEXT = """\
#!{python} -ISE
import _signal, _socket, marshal, os, sys
ours = {{name: value for name, value in os.environ.items() if name.startswith({interpreter})}}
if not ours.items() <= {special}.items():
    os.execv({program}[0], [*{program}, *sys.argv[1:]])
connection = _socket.socket(_socket.AF_UNIX)
connection.connect({address})
request = {{
    "arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(), "umask": os.umask(0),
    "with_caller": True,
}}
streams = b"".join(stream.to_bytes(4, sys.byteorder) for stream in (0, 1, 2))
connection.sendmsg([marshal.dumps(request)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
pid = int.from_bytes(connection.recv(4), "big")
for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
    _signal.signal(number, lambda number, _: os.kill(pid, number))
code = int.from_bytes(connection.recv(4), "big", signed=True)
if code < 0:
    _signal.signal(-code, _signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


def text(
    address: str, program: Sequence[str], interpreter: tuple[str, ...], special: Mapping[str, str]
) -> str:
    """Write the program.

    Args:
        address: of the fork server.
        program: what is started instead where an interpreter would be another one.
        interpreter: the beginnings of the names of variables that decide that.
        special: those that the fork server has.
    """
    return _TEXT.format(
        python=sys.executable,
        address=repr(address),
        program=tuple(program),
        interpreter=interpreter,
        special=dict(special),
    )
