"""A name service for a program under test: Python imports this module at its start from a folder of PYTHONPATH.

TEST_NAMES is a file of JSON, read for each look-up: host names, or domains as `*.example`, and their address; null is
one whose name servers hang.
"""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

_HANG_SECONDS = 30.0
_real = socket.getaddrinfo


def _getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
    name = host if isinstance(host, str) else ""
    names = json.loads(Path(os.environ["TEST_NAMES"]).read_text())
    for known in (name, f"*.{name.partition('.')[2]}"):
        if known in names:
            address = names[known]
            if address is None:
                time.sleep(_HANG_SECONDS)
                raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
            return _real(address, *arguments, **more)
    return _real(host, *arguments, **more)


socket.getaddrinfo = _getaddrinfo
