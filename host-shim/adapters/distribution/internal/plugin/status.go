// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"strings"
)

// Status is a regstore_status. Its text is the name in regstore.h.
type Status int32

// The statuses that a driver tells apart; all others are failures.
const (
	OK          Status = C.REGSTORE_OK
	NotFound    Status = C.REGSTORE_NOT_FOUND
	Digest      Status = C.REGSTORE_DIGEST
	Timeout     Status = C.REGSTORE_TIMEOUT
	Cancelled   Status = C.REGSTORE_CANCELLED
	Unsupported Status = C.REGSTORE_UNSUPPORTED
	State       Status = C.REGSTORE_STATE
	Invalid     Status = C.REGSTORE_INVALID
	NoMemory    Status = C.REGSTORE_NO_MEMORY
	Gone        Status = C.REGSTORE_GONE
)

func (s Status) String() string {
	return C.GoString(C.regstore_host_status_name(C.regstore_status(s)))
}

// Error is what a plugin or the host library said of a call that failed.
type Error struct {
	Status     Status
	Retryable  bool
	HTTPStatus int
	Code       string // the backend's own word
	RequestID  string // the backend's, for its support
	Message    string
	cause      error // the context's error, when that is why the call ended
}

func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s", e.Status, e.Message)
	if e.Code != "" {
		fmt.Fprintf(&text, " (%s", e.Code)
		if e.RequestID != "" {
			fmt.Fprintf(&text, ", request %s", e.RequestID)
		}
		text.WriteString(")")
	}
	return text.String()
}

// Unwrap gives context.Canceled or context.DeadlineExceeded where the context ended the call.
func (e *Error) Unwrap() error { return e.cause }

func newError(status C.regstore_status, from *C.struct_regstore_error, cause error) *Error {
	e := &Error{Status: Status(status), cause: cause}
	if from != nil {
		e.Retryable = from.retryable != 0
		e.HTTPStatus = int(from.http_status)
		e.Code = C.GoString(&from.code[0])
		e.RequestID = C.GoString(&from.request_id[0])
		e.Message = C.GoString(&from.message[0])
	}
	return e
}
