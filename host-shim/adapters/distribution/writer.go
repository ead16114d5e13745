// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"context"
	"errors"
	"io"
	"sync"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"

	"regstore/adapters/distribution/internal/plugin"
)

var errOver = errors.New("the writer is closed, committed or cancelled")

// writer is a storagedriver.FileWriter. Nothing is sent for one that is opened and closed.
type writer struct {
	d    *driver
	ctx  context.Context // the request's
	path string

	mu      sync.Mutex // guards all below
	stage   *stage
	pending *pending // committed, and waiting for Move
	isDirty bool     // the stage has bytes that the sidecar has not
	prior   int64    // bytes of a committed file, to be read into the stage before the next
	state   writerState
	size    int64 // once it is not open any more
}

type writerState int

const (
	writerOpen writerState = iota
	writerClosed
	writerCommitted
	writerCancelled
)

// Writer begins at offset 0, or goes on where the path's sidecar says. The bytes of a committed file
// are read into a new upload, which is right, and slow for a large one; the registry never asks for
// it.
func (d *driver) Writer(ctx context.Context, path string, appendMode bool) (storagedriver.FileWriter, error) {
	key := keyOf(path)
	if !isKey(path) {
		return nil, storagedriver.InvalidPathError{Path: path, DriverName: driverName}
	}
	folder, isUpload := folderOf(uploadPath, path)
	var raw []byte
	var err error
	// A registry's upload begins in a folder of its own, where nothing can be left of another.
	if appendMode || !isUpload {
		if raw, err = d.getSidecar(ctx, key); err != nil {
			return nil, err
		}
	}
	if isUpload && appendMode {
		d.folders.met(folder, raw)
	}
	d.folders.opened(folder)
	w := &writer{d: d, ctx: ctx, path: path}
	if !appendMode && raw != nil {
		if err := d.forget(ctx, key); err != nil {
			return nil, err
		}
		raw = nil
	}
	if w.stage, err = d.openStage(ctx, key, folder, raw); err != nil {
		return nil, err
	}
	if appendMode && raw == nil && !isUpload {
		found, err := d.store.Stat(ctx, key)
		if err != nil && !hasStatus(err, plugin.NotFound) {
			return nil, err
		}
		w.prior = found.Length
	}
	return w, nil
}

// forget drops an unfinished upload and its sidecar.
func (d *driver) forget(ctx context.Context, key string) error {
	if err := d.dropUnfinished(ctx, key); err != nil {
		return err
	}
	return d.store.Delete(ctx, sidecarOf(key))
}

// readPrior puts a committed file's bytes in front.
func (w *writer) readPrior() error {
	if w.prior == 0 {
		return nil
	}
	r, err := w.d.store.OpenReader(w.ctx, w.stage.key, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err = io.Copy(stageWriter{w.ctx, w.stage}, r); err != nil {
		// A sidecar that stands for some of them must not stay: the file has them all.
		return errors.Join(err, w.stage.remove(context.WithoutCancel(w.ctx)), w.restart())
	}
	w.prior = 0
	return nil
}

func (w *writer) restart() (err error) {
	w.stage.close()
	w.stage, err = w.d.openStage(w.ctx, w.stage.key, w.stage.folder, nil)
	return err
}

type stageWriter struct {
	ctx   context.Context
	stage *stage
}

func (s stageWriter) Write(p []byte) (int, error) { return s.stage.write(s.ctx, p) }

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != writerOpen {
		return 0, errOver
	}
	if err := w.readPrior(); err != nil {
		return 0, err
	}
	n, err := w.stage.write(w.ctx, p)
	w.isDirty = w.isDirty || n > 0
	return n, err
}

// Size is, after a Close that failed, what the next Writer will begin with.
func (w *writer) Size() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != writerOpen {
		return w.size
	}
	return w.length()
}

// length counts the prior bytes whether they were read or not; the lock is held.
func (w *writer) length() int64 { return max(w.prior, w.stage.size()) }

// Commit of a registry's upload sends nothing: see commits.go.
func (w *writer) Commit(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != writerOpen {
		return errOver
	}
	w.size = w.length()
	if w.prior > 0 {
		w.state = writerCommitted // it is what it was
		return nil
	}
	if w.stage.folder != "" {
		w.pending = w.d.commits.add(w.path, w.stage, w.isDirty)
		w.state = writerCommitted
		w.d.folders.closed(w.stage.folder)
		return nil
	}
	if err := w.stage.commit(ctx, w.stage.key, ""); err != nil {
		return err
	}
	w.state = writerCommitted
	w.stage.close()
	// The file stands. A sidecar that stayed would have the next Writer go on in vain.
	return w.stage.removeSidecar(context.WithoutCancel(ctx))
}

// Close keeps what was written, so that any process can go on. The request's context is often over
// by then, since the client has left: what was received is kept all the same.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != writerOpen {
		return nil
	}
	w.state = writerClosed
	w.size = w.length()
	defer w.stage.close()
	defer w.d.folders.closed(w.stage.folder)
	if !w.isDirty {
		return nil
	}
	if err := w.stage.save(context.WithoutCancel(w.ctx)); err != nil {
		w.size = w.stage.saved
		return err
	}
	return nil
}

// Cancel removes what was written, after Close too. After Commit it does so until Move has made a
// blob of it, and then nothing.
func (w *writer) Cancel(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending != nil {
		return w.d.commits.cancel(ctx, w.pending)
	}
	if w.state == writerCommitted || w.state == writerCancelled {
		return nil
	}
	if w.state == writerOpen {
		w.size = w.length()
		defer w.stage.close()
		defer w.d.folders.closed(w.stage.folder)
	}
	w.state = writerCancelled
	return w.stage.remove(ctx)
}
