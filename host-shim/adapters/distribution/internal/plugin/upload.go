// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Upload is a regstore_upload. One goroutine at a time may use it.
type Upload struct {
	store   *Store
	handle  *C.struct_regstore_upload
	cleanup runtime.Cleanup
}

// UploadOptions says what an upload is to be. With a token nothing else may be said: the token has
// it.
type UploadOptions struct {
	Key            string // "": told at commit
	Token          string // "": a new upload
	ContentType    string
	ExpectedLength int64 // a hint; 0: not known
	Verified       bool  // keep the SHA-256, so that Commit can compare it
	Sole           bool  // alone at its key: Abort drops all that is unfinished there
}

// OpenUpload does no I/O, with a token neither.
func (s *Store) OpenUpload(ctx context.Context, o UploadOptions) (*Upload, error) {
	c, err := begin(ctx, s.gate)
	if err != nil {
		return nil, err
	}
	key, token, kind := cString(o.Key), cString(o.Token), cString(o.ContentType)
	defer freeString(key)
	defer freeString(token)
	defer freeString(kind)
	var flags C.uint64_t
	if o.Verified {
		flags |= C.REGSTORE_UPLOAD_SHA256
	}
	if o.Sole {
		flags |= C.REGSTORE_UPLOAD_SOLE
	}
	u := &Upload{store: s}
	err = c.end(C.bridge_upload_open(s.table, s.store, c.frame, key, token, kind, flags,
		C.uint64_t(o.ExpectedLength), &u.handle))
	if err != nil {
		return nil, err
	}
	// distribution drops a writer unclosed when the client leaves at the wrong moment. Its memory
	// must come back all the same.
	table := s.table
	u.cleanup = runtime.AddCleanup(u, func(handle *C.struct_regstore_upload) {
		C.bridge_upload_close(table, handle)
	}, u.handle)
	return u, nil
}

// Write appends. After a failure any leading part of p may have been taken: Offset tells.
func (u *Upload) Write(ctx context.Context, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	c, err := begin(ctx, u.store.gate)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(u)
	return c.end(C.bridge_upload_write(u.store.table, u.handle, c.frame, unsafe.Pointer(&p[0]),
		C.size_t(len(p))))
}

// Offset is the number of bytes accepted since the upload began.
func (u *Upload) Offset() int64 {
	defer runtime.KeepAlive(u)
	return int64(C.bridge_upload_offset(u.store.table, u.handle))
}

// Suspend makes all bytes safe and gives the token from which any process goes on. With an error
// the token may be set too: it then stands for the kept bytes, which are safe already (TOK-2).
func (u *Upload) Suspend(ctx context.Context) (token string, kept int64, err error) {
	c, err := begin(ctx, u.store.gate)
	if err != nil {
		return "", 0, err
	}
	defer runtime.KeepAlive(u)
	text := (*C.char)(C.calloc(1, C.REGSTORE_TOKEN_MAX))
	if text == nil {
		return "", 0, c.end(C.REGSTORE_NO_MEMORY)
	}
	defer freeString(text)
	var n C.uint64_t
	err = c.end(C.bridge_upload_suspend(u.store.table, u.handle, c.frame, text, &n))
	return C.GoString(text), int64(n), err
}

// Commit makes the blob visible at key, "" being the key of OpenUpload. With a digest, sha256:<hex>,
// it is compared first of all.
func (u *Upload) Commit(ctx context.Context, key, digest string) (Stat, error) {
	c, err := begin(ctx, u.store.gate)
	if err != nil {
		return Stat{}, err
	}
	defer runtime.KeepAlive(u)
	k, d := cString(key), cString(digest)
	defer freeString(k)
	defer freeString(d)
	status := C.bridge_upload_commit(u.store.table, u.handle, c.frame, k, d)
	found := statOf(c.frame)
	return found, c.end(status)
}

// Abort removes what the upload has sent. It never touches what a commit made visible.
func (u *Upload) Abort(ctx context.Context) error {
	c, err := begin(ctx, u.store.gate)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(u)
	return c.end(C.bridge_upload_abort(u.store.table, u.handle, c.frame))
}

// Close frees the handle and sends nothing.
func (u *Upload) Close() {
	u.cleanup.Stop()
	if u.handle != nil {
		C.bridge_upload_close(u.store.table, u.handle)
		u.handle = nil
	}
}
