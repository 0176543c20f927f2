"""Whether a process still answers: asked each few seconds, never waited for, judged by what was really asked."""

import http.client
import threading
from concurrent.futures import Future
from urllib.parse import urlsplit

ASK_SECONDS = 5.0
"""Between two questions, and the longest that one is waited for."""
MISSED = 6
"""Questions in a row without a good answer, after which a process is given up: some 30 s. Longer than a call of the
encoder or of Milvus that holds the interpreter, and than what a busy machine makes of them.

Questions are counted, not seconds: a supervisor that stood still itself has asked none meanwhile."""


def ask(address: str) -> str | None:
    """What is wrong with the process that serves `address`, in a few words; None where it says that it is well."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        body = answer.read(2_000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from {address} ({str(error) or type(error).__name__})"
    finally:
        connection.close()
    return None if answer.status == 200 else f"{address} answers {answer.status}: {body}"


class Pulse:
    """The questions to one process, from its start to its end. For one thread; none of its methods waits."""

    def __init__(self, address: str, now: float) -> None:
        self._address = address
        self._due = now + ASK_SECONDS
        self._missed = 0
        self._asked: Future[str | None] | None = None

    def given_up(self, now: float) -> str | None:
        """Why the process is to be replaced; None while it is not. To be called often."""
        if self._asked is not None and self._asked.done():
            why, self._asked = self._asked.result(), None
            self._missed = self._missed + 1 if why else 0
            if self._missed >= MISSED:
                return f"{why}, {self._missed} times in a row"
        if self._asked is None and now >= self._due:
            self._due = now + ASK_SECONDS
            self._asked = Future()
            # Not a pool's thread: the interpreter's end would wait for those.
            threading.Thread(target=self._ask, args=(self._asked,), name="pulse", daemon=True).start()
        return None

    def _ask(self, asked: "Future[str | None]") -> None:
        try:
            asked.set_result(ask(self._address))
        except BaseException as error:  # noqa: BLE001 - `given_up` raises it, in the supervisor's thread
            asked.set_exception(error)
