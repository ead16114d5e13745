// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"sync/atomic"
	"time"
	"unsafe"
)

// call is one regstore_call in flight: the context's deadline is its timeout_ms, the context's end
// sets the flag that the plugin polls (CALL-3). Both lie in C memory, since the plugin gets a
// pointer to them.
type call struct {
	ctx   context.Context
	gate  chan struct{}
	frame *C.struct_bridge_frame
	// stop is nil for a context that never ends; watched is closed when the watcher is done.
	stop    func() bool
	watched chan struct{}
}

// begin waits for one of the store's threads: a call that blocks in C occupies one of the process,
// and Go ends a process that needs more than 10,000.
func begin(ctx context.Context, gate chan struct{}) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if gate != nil {
		select {
		case gate <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c := &call{ctx: ctx, gate: gate}
	var timeout C.uint64_t
	if deadline, ok := ctx.Deadline(); ok {
		// At least 1: 0 would mean the plugin's own limits.
		timeout = C.uint64_t(max(time.Until(deadline).Milliseconds(), 1))
	}
	c.frame = C.bridge_frame_new(timeout)
	if c.frame == nil {
		c.leave()
		return nil, &Error{Status: NoMemory, Message: "no memory for a call"}
	}
	if ctx.Done() != nil {
		c.watched = make(chan struct{})
		c.stop = context.AfterFunc(ctx, func() {
			atomic.StoreInt32((*int32)(unsafe.Pointer(&c.frame.cancel)), 1)
			close(c.watched)
		})
	}
	return c, nil
}

func (c *call) leave() {
	if c.gate != nil {
		<-c.gate
	}
}

// end turns the status into an error and frees the call.
func (c *call) end(status C.regstore_status) error {
	var err error
	if status != C.REGSTORE_OK {
		err = newError(status, &c.frame.error, c.cause(Status(status)))
	}
	if c.stop != nil && !c.stop() {
		<-c.watched
	}
	C.free(unsafe.Pointer(c.frame))
	c.frame = nil
	c.leave()
	return err
}

// cause is the context's error, if that is why the call ended. A plugin notices the end of the time
// perhaps a moment before the context does.
func (c *call) cause(status Status) error {
	_, hasDeadline := c.ctx.Deadline()
	switch {
	case status == Timeout && hasDeadline:
		return context.DeadlineExceeded
	case status == Timeout || status == Cancelled:
		return c.ctx.Err()
	default:
		return nil
	}
}

// cString is NULL for the empty string, which the ABI takes as "none". Free it.
func cString(s string) *C.char {
	if s == "" {
		return nil
	}
	return C.CString(s)
}

func freeString(s *C.char) { C.free(unsafe.Pointer(s)) }
