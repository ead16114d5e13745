// SPDX-License-Identifier: Apache-2.0

// Package plugin is a regstore plugin as Go sees it: loaded by the host library, called through
// cgo. Contexts become deadlines and cancellation, statuses become errors.
//
// A plugin gets no pointer to Go memory that outlives the call. Bytes to write and to read go
// straight from and to the caller's buffer, which cgo keeps in place until the call returns
// (CALL-4).
package plugin

/*
#cgo CFLAGS: -D_GNU_SOURCE -Wall
#include "bridge.h"
*/
import "C"

import (
	"context"
	"time"
	"unsafe"
)

// Features that a Store may have.
const PresignGet = uint64(C.REGSTORE_F_PRESIGN_GET)

// KeyMax is the size of a key with its NUL.
const KeyMax = int(C.REGSTORE_KEY_MAX)

// Store is a plugin with settings. Any number of goroutines may use it at once.
type Store struct {
	table C.bridge_table
	store *C.struct_regstore_store
	gate  chan struct{}
}

// Stat is what a store knows of a blob without reading it.
type Stat struct {
	Length   int64
	ModTime  time.Time // zero where it is not known
	IsPrefix bool      // in a list: not a blob but a common prefix, ending in "/"
}

func statOf(f *C.struct_bridge_frame) Stat {
	s := Stat{
		Length:   int64(f.stat.length),
		IsPrefix: f.stat.flags&C.REGSTORE_STAT_PREFIX != 0,
	}
	if f.stat.mtime_ns != 0 {
		s.ModTime = time.Unix(0, int64(f.stat.mtime_ns)).UTC()
	}
	return s
}

// Features is what the store offers with its settings.
func (s *Store) Features() uint64 {
	return uint64(C.bridge_store_features(s.table, s.store))
}

// Close lets go of the store. Handles that are open go on (THR-2).
func (s *Store) Close() {
	C.bridge_store_close(s.table, s.store)
	s.store = nil
}

// Stat of a blob, never of a folder.
func (s *Store) Stat(ctx context.Context, key string) (Stat, error) {
	c, err := begin(ctx, s.gate)
	if err != nil {
		return Stat{}, err
	}
	k := C.CString(key)
	defer freeString(k)
	status := C.bridge_stat(s.table, s.store, c.frame, k)
	found := statOf(c.frame)
	return found, c.end(status)
}

// Delete removes blobs; one that is not there is no failure.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	c, err := begin(ctx, s.gate)
	if err != nil {
		return err
	}
	// The array holds pointers, so it lies in C memory as well.
	list := (**C.char)(C.calloc(C.size_t(len(keys)), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	if list == nil {
		return c.end(C.REGSTORE_NO_MEMORY)
	}
	defer C.free(unsafe.Pointer(list))
	all := unsafe.Slice(list, len(keys))
	for i, key := range keys {
		all[i] = C.CString(key)
	}
	defer func() {
		for _, key := range all {
			freeString(key)
		}
	}()
	return c.end(C.bridge_delete(s.table, s.store, c.frame, list, C.size_t(len(keys))))
}

// Copy replaces the blob at to by the one at from.
func (s *Store) Copy(ctx context.Context, from, to string) error {
	c, err := begin(ctx, s.gate)
	if err != nil {
		return err
	}
	source, target := C.CString(from), C.CString(to)
	defer freeString(source)
	defer freeString(target)
	return c.end(C.bridge_copy(s.table, s.store, c.frame, source, target))
}

// Presign makes a URL that anybody may use with this method for as long as ttl. The store renews
// its session first if that ends before least.
func (s *Store) Presign(ctx context.Context, key, method string, ttl, least time.Duration) (string, error) {
	c, err := begin(ctx, s.gate)
	if err != nil {
		return "", err
	}
	k, m := C.CString(key), C.CString(method)
	defer freeString(k)
	defer freeString(m)
	url := (*C.char)(C.calloc(1, C.REGSTORE_URL_MAX))
	if url == nil {
		return "", c.end(C.REGSTORE_NO_MEMORY)
	}
	defer freeString(url)
	status := C.bridge_presign(s.table, s.store, c.frame, k, m, C.uint64_t(ttl.Seconds()),
		C.uint64_t(least.Seconds()), url)
	if err := c.end(status); err != nil {
		return "", err
	}
	return C.GoString(url), nil
}
