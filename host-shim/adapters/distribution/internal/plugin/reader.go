// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"unsafe"
)

// Reader reads a blob. Its context is the one that it was opened with.
type Reader struct {
	ctx     context.Context
	store   *Store
	mu      sync.Mutex // guards handle: a client that leaves has its reader closed in mid-read
	handle  *C.struct_regstore_reader
	length  int64
	cleanup runtime.Cleanup
}

// OpenReader begins to read at offset. Past the end there is nothing, which is no failure (READ-1).
func (s *Store) OpenReader(ctx context.Context, key string, offset int64) (*Reader, error) {
	c, err := begin(ctx, s.gate)
	if err != nil {
		return nil, err
	}
	k := C.CString(key)
	defer freeString(k)
	r := &Reader{ctx: ctx, store: s}
	status := C.bridge_read_open(s.table, s.store, c.frame, k, C.uint64_t(offset), &r.handle)
	r.length = int64(c.frame.stat.length)
	if err := c.end(status); err != nil {
		return nil, err
	}
	table := s.table
	r.cleanup = runtime.AddCleanup(r, func(handle *C.struct_regstore_reader) {
		C.bridge_read_close(table, handle)
	}, r.handle)
	return r, nil
}

// Length of the whole blob.
func (r *Reader) Length() int64 { return r.length }

func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle == nil {
		return 0, errors.New("the reader is closed")
	}
	c, err := begin(r.ctx, r.store.gate)
	if err != nil {
		return 0, err
	}
	var got C.size_t
	err = c.end(C.bridge_read_next(r.store.table, r.handle, c.frame, unsafe.Pointer(&p[0]),
		C.size_t(len(p)), &got))
	if err != nil {
		return 0, err
	}
	if got == 0 {
		return 0, io.EOF
	}
	return int(got), nil
}

// Close is legal before the end; what was not read is not fetched.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanup.Stop()
	if r.handle != nil {
		C.bridge_read_close(r.store.table, r.handle)
		r.handle = nil
	}
	return nil
}
