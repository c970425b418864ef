"""HTTP for S3 that waits no longer for a server to take what is sent than for its answer.

aiobotocore's `read_timeout` begins when all is sent, so that a server that accepts a request and
stops reading it would be waited for without end.
"""

import asyncio
import time
from typing import Any

from aiobotocore.httpsession import AIOHTTPSession
from botocore.exceptions import ReadTimeoutError

from vidgan.connection import seconds_left, sending_seconds

_LOOK_SECONDS = 0.5
_SIZES = ("Content-Length", "X-Amz-Decoded-Content-Length")


class PatientSession(AIOHTTPSession):  # type: ignore[misc]
    """aiobotocore's, with a limit for each request, and for all once this process is to end."""

    async def send(self, request: Any) -> Any:
        """Send a request, and wait until its answer begins.

        Raises:
            ReadTimeoutError: neither in time; s3fs tries again.
        """
        latest = time.monotonic() + sending_seconds(_size(request.headers))
        sending = asyncio.ensure_future(super().send(request))
        try:
            while not sending.done():
                left = min(latest - time.monotonic(), seconds_left())
                if left <= 0:
                    raise ReadTimeoutError(endpoint_url=request.url)
                await asyncio.wait({sending}, timeout=min(left, _LOOK_SECONDS))
            return sending.result()
        finally:
            sending.cancel()


def _size(headers: Any) -> int:
    return max(int(headers.get(name) or 0) for name in _SIZES)
