# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, as the IOError that Quay expects of a storage driver."""
from . import _abi


class RegstoreError(OSError):
    """A status other than OK. Decide by `status_name` and `retryable`, never by the words."""

    def __init__(self, message, status=_abi.INTERNAL, retryable=False, retry_after_s=0.0, code="",
                 request_id=""):
        super().__init__(message)
        self.status = status
        self.status_name = _abi.STATUS_NAMES[status] if 0 <= status < len(_abi.STATUS_NAMES) \
            else "INTERNAL"
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.code = code
        self.request_id = request_id


class BlobNotFound(RegstoreError, FileNotFoundError):
    """There is no blob at this path."""


def _text(raw):
    return raw.decode("utf-8", "replace")


def error_of(status, error, doing):
    """What a verb said (status, _abi.Error) while `doing` something, as an exception."""
    code, request_id = _text(error.code), _text(error.request_id)
    kind = BlobNotFound if status == _abi.NOT_FOUND else RegstoreError
    name = _abi.STATUS_NAMES[status] if 0 <= status < len(_abi.STATUS_NAMES) else "INTERNAL"
    more = "".join(f", {what} {value}" for what, value in
                   (("code", code), ("request", request_id)) if value)
    return kind(f"{doing}: {_text(error.message) or 'failed'} ({name}{more})", status,
                bool(error.retryable), error.retry_after_ms / 1000, code, request_id)
