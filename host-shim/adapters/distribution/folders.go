// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"sync"
)

// folders are what this process knows of the registry's upload folders because it did it itself.
// The registry writes the state of its digest three times an upload, twice with the very bytes that
// are there, and lists and reads it once; what this process wrote last, and nobody else has touched
// since, need not be asked for or written again.
//
// Whether somebody else has been there is told by the sidecar, which each Writer reads: whoever
// goes on with an upload writes a new one. One that is not the last of ours ends all we know.
type folders struct {
	mu     sync.Mutex // guards all below
	byName map[string]*folder
	oldest []string // by name; names that are gone stay until it is their turn
}

type folder struct {
	isWhole   bool // this process has seen the folder from its start, so it knows all hash states
	isSettled bool // nothing is unfinished here any more, whatever the sidecar says
	isOpen    bool // a writer of ours is, or was dropped by the registry without Close
	isGone    bool // this process has deleted it
	sidecar   [sha256.Size]byte
	states    map[string][]byte // by path
}

// What is forgotten is asked for again.
const (
	foldersMost = 4096
	statesMost  = 64
)

func newFolders() *folders {
	return &folders{byName: map[string]*folder{}}
}

// set is called with the lock held.
func (f *folders) set(name string, to *folder) *folder {
	if _, known := f.byName[name]; !known {
		f.oldest = append(f.oldest, name)
	}
	f.byName[name] = to
	for len(f.oldest) > foldersMost {
		delete(f.byName, f.oldest[0])
		f.oldest = f.oldest[1:]
	}
	return to
}

// begin: this process has made the folder.
func (f *folders) begin(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(name, &folder{isWhole: true, states: map[string][]byte{}})
}

// met: a Writer has read this sidecar, nil being none.
func (f *folders) met(name string, raw []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := sumOf(raw)
	if known := f.byName[name]; known == nil || known.isGone || known.sidecar != sum {
		f.set(name, &folder{sidecar: sum, states: map[string][]byte{}})
	}
}

// opened: a Writer begins. One before it that was not closed may have sent what nobody knows of.
func (f *folders) opened(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.byName[name]; known != nil {
		known.isWhole = known.isWhole && !known.isOpen
		known.isOpen, known.isSettled = true, false
	}
}

// closed: it has handed over what it had, in whatever way.
func (f *folders) closed(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.byName[name]; known != nil {
		known.isOpen = false
	}
}

// wrote: this process has written a sidecar of these parts.
func (f *folders) wrote(name string, parts ...[]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.byName[name]; known != nil {
		known.sidecar, known.isSettled = sumOf(parts...), false
	}
}

// sumOf is zero for a sidecar that is not there.
func sumOf(parts ...[]byte) (sum [sha256.Size]byte) {
	whole, isThere := sha256.New(), false
	for _, part := range parts {
		whole.Write(part)
		isThere = isThere || part != nil
	}
	if isThere {
		whole.Sum(sum[:0])
	}
	return sum
}

// settle: what the sidecar stands for is aborted, or committed. After a commit that is all there
// was if this process has had the upload from its start; another one may have died with parts of
// its own that only the token can name.
func (f *folders) settle(name string, isAborted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.byName[name]; known != nil {
		known.isSettled = known.isWhole || isAborted
	}
}

// doubt: something of this process's own failed half-way.
func (f *folders) doubt(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.byName[name]; known != nil {
		known.isWhole = false
	}
}

func (f *folders) isSettled(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.byName[name]
	return known != nil && known.isSettled
}

// forget: the folder is deleted. The registry closes a writer that it has cancelled once more, and
// would have a last hash state lie there for ever.
func (f *folders) forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName[name] != nil {
		f.set(name, &folder{isGone: true})
	}
}

func (f *folders) isGone(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.byName[name]
	return known != nil && known.isGone
}

// states are the paths of all hash states; false: this process does not know them all.
func (f *folders) states(name string) ([]string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.byName[name]
	if known == nil || !known.isWhole || len(known.states) == 0 {
		return nil, false
	}
	paths := make([]string, 0, len(known.states))
	for path := range known.states {
		paths = append(paths, path)
	}
	return paths, true
}

func (f *folders) state(name, path string) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.byName[name]
	if known == nil {
		return nil, false
	}
	content, ok := known.states[path]
	return content, ok
}

func (f *folders) setState(name, path string, content []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.byName[name]
	if known == nil || known.isGone {
		return
	}
	if len(known.states) == statesMost {
		known.states, known.isWhole = map[string][]byte{}, false
	}
	known.states[path] = bytes.Clone(content)
}

func (d *driver) getState(ctx context.Context, name, path string) ([]byte, error) {
	if content, ok := d.folders.state(name, path); ok {
		return bytes.Clone(content), nil
	}
	content, err := d.get(ctx, keyOf(path))
	if err != nil {
		return nil, pathError(path, err)
	}
	d.folders.setState(name, path, content)
	return content, nil
}

// putState goes on when the client has left: the registry keeps the digest's state before it closes
// the writer, and when the one fails it leaves out the other, and with it what was received.
func (d *driver) putState(ctx context.Context, name, path string, content []byte) error {
	if known, ok := d.folders.state(name, path); d.folders.isGone(name) || ok && bytes.Equal(known, content) {
		return nil
	}
	if err := d.put(context.WithoutCancel(ctx), keyOf(path), "", content); err != nil {
		return err
	}
	d.folders.setState(name, path, content)
	return nil
}
