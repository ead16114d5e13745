// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"unsafe"
)

// ListOptions says which keys. The zero value is all of them.
type ListOptions struct {
	Prefix, StartAfter string
	AfterSubtree       bool // begin after every key that begins with StartAfter
	Folders            bool // what follows the next "/" is one entry, a prefix
	Limit              int  // 0: all
}

// List goes through keys in byte order. One goroutine at a time may use it.
type List struct {
	store  *Store
	handle *C.struct_regstore_list
	key    *C.char
}

// OpenList is never NotFound: nothing under the prefix is an empty list. Close it.
func (s *Store) OpenList(ctx context.Context, o ListOptions) (*List, error) {
	c, err := begin(ctx, s.gate)
	if err != nil {
		return nil, err
	}
	prefix, after := cString(o.Prefix), cString(o.StartAfter)
	defer freeString(prefix)
	defer freeString(after)
	var delimiter *C.char
	if o.Folders {
		delimiter = C.CString("/")
		defer freeString(delimiter)
	}
	var flags C.uint64_t
	if o.AfterSubtree {
		flags |= C.REGSTORE_LIST_AFTER_SUBTREE
	}
	l := &List{store: s, key: (*C.char)(C.calloc(1, C.REGSTORE_KEY_MAX))}
	if l.key == nil {
		return nil, c.end(C.REGSTORE_NO_MEMORY)
	}
	err = c.end(C.bridge_list_open(s.table, s.store, c.frame, prefix, after, delimiter, flags,
		C.uint64_t(o.Limit), &l.handle))
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Next gives one entry; the empty key is the end.
func (l *List) Next(ctx context.Context) (string, Stat, error) {
	c, err := begin(ctx, l.store.gate)
	if err != nil {
		return "", Stat{}, err
	}
	status := C.bridge_list_next(l.store.table, l.handle, c.frame, l.key)
	found := statOf(c.frame)
	if err := c.end(status); err != nil {
		return "", Stat{}, err
	}
	return C.GoString(l.key), found, nil
}

// Close frees the list.
func (l *List) Close() {
	C.bridge_list_close(l.store.table, l.handle)
	C.free(unsafe.Pointer(l.key))
	l.handle, l.key = nil, nil
}
