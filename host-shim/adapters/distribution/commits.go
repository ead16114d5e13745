// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"context"
	"path"
	"strings"
	"sync"
	"time"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/sirupsen/logrus"
)

// commits are uploads of the registry's between Commit and Move.
//
// The registry commits an upload at its own path, compares the digest, and moves the file to where
// blobs lie. Done as it is said, that is two copies, two deletes, and a moment in which bytes that
// nobody has compared lie under a final name. Here Commit only remembers the stage, and Move
// commits it to the blob's path in one step, with the digest in that path for the plugin to compare
// first (COM-1). What is remembered is this process's alone, and may be: the registry calls both
// within one request. If the process dies between them, the sidecar is what it was, and the client's
// next PUT goes on from there.
//
// Everything else that looks at the path in between gets what it would have got: Stat is answered
// from here, and whoever wants the bytes, or lists the upload's own folder, has the file made first.
// A list or walk from above that folder passes the file by.
type commits struct {
	d      *driver
	mu     sync.Mutex // guards byPath
	byPath map[string]*pending
}

// pending is one of them. Its lock is held while it is committed; nothing else waits for that but
// what is about the same path.
type pending struct {
	path    string
	size    int64
	at      time.Time
	mu      sync.Mutex // guards stage
	stage   *stage     // nil once it is over
	isDirty bool       // the stage has bytes that the sidecar has not
	timer   *time.Timer
}

// A request that ends between Commit and Move without Cancel leaves its bytes here. After this time
// they go to the sidecar, as Close would have done.
const pendingLife = 10 * time.Minute

func newCommits(d *driver) *commits {
	return &commits{d: d, byPath: map[string]*pending{}}
}

// add takes over the stage. An older one of the same path is a twin of a client that sends its
// request twice; its bytes are not lost, since the registry told nobody that it had them.
func (c *commits) add(path string, g *stage, isDirty bool) *pending {
	p := &pending{path: path, size: g.size(), at: time.Now().UTC(), stage: g, isDirty: isDirty}
	p.timer = time.AfterFunc(pendingLife, func() { c.park(p) })
	c.mu.Lock()
	twin := c.byPath[path]
	c.byPath[path] = p
	c.mu.Unlock()
	if twin != nil && twin.mu.TryLock() { // else it is being moved
		c.over(twin)
		twin.mu.Unlock()
	}
	return p
}

func (c *commits) find(path string) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byPath[path]
}

// findBelow gives those whose path is in the folder.
func (c *commits) findBelow(folder string) []*pending {
	prefix := strings.TrimSuffix(folder, "/") + "/"
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*pending
	for path, p := range c.byPath {
		if strings.HasPrefix(path, prefix) {
			found = append(found, p)
		}
	}
	return found
}

// over frees it; p is locked.
func (c *commits) over(p *pending) {
	p.timer.Stop()
	if p.stage != nil {
		p.stage.close()
		p.stage = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byPath[p.path] == p {
		delete(c.byPath, p.path)
	}
}

func (c *commits) stat(path string) (storagedriver.FileInfo, bool) {
	if p := c.find(path); p != nil {
		return fileInfo(path, p.size, p.at), true
	}
	return nil, false
}

// commit makes the file at target; false: there is nothing to commit any more.
func (c *commits) commit(ctx context.Context, p *pending, target string) (bool, error) {
	if p.stage == nil {
		return false, nil
	}
	if err := p.stage.commit(ctx, keyOf(target), digestOf(target)); err != nil {
		return true, err
	}
	c.d.folders.settle(p.stage.folder, p.stage.token == "")
	c.over(p)
	return true, nil
}

// move is Move for a path that waits here; false: it does not.
func (c *commits) move(ctx context.Context, from, to string) (bool, error) {
	p := c.find(from)
	if p == nil {
		return false, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.commit(ctx, p, to)
}

// show makes the file at its own path, for somebody who wants its bytes. Should he leave, it is made
// all the same: a commit that is cut off could go to no other path any more.
func (c *commits) show(ctx context.Context, path string) error {
	_, err := c.move(context.WithoutCancel(ctx), path, path)
	return err
}

// showIn does so for an upload's own folder. A walk from above it, as the catalog's and the purger's
// are, never asks for these bytes, and would copy the layers of all pushes that are about to end. One
// that is being moved is as good as gone.
func (c *commits) showIn(ctx context.Context, folder string) error {
	for _, p := range c.findBelow(folder) {
		if path.Dir(p.path) != folder || !p.mu.TryLock() {
			continue
		}
		_, err := c.commit(context.WithoutCancel(ctx), p, p.path)
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// drop is Delete for all in a folder.
func (c *commits) drop(ctx context.Context, path string) error {
	found := c.findBelow(path)
	if p := c.find(path); p != nil {
		found = append(found, p)
	}
	for _, p := range found {
		if err := c.abort(ctx, p, (*stage).abort); err != nil {
			return err
		}
	}
	return nil
}

func (c *commits) abort(ctx context.Context, p *pending, abort func(*stage, context.Context) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage == nil {
		return nil
	}
	if err := abort(p.stage, ctx); err != nil {
		return err
	}
	c.d.folders.settle(p.stage.folder, true)
	c.over(p)
	return nil
}

// cancel is Cancel after Commit. When the client has left there is no time to abort, and perhaps no
// reason: the client may come again, and goes on from what is kept.
func (c *commits) cancel(ctx context.Context, p *pending) error {
	if ctx.Err() != nil {
		c.park(p)
		return ctx.Err()
	}
	return c.abort(ctx, p, (*stage).remove)
}

// park keeps the bytes as Close would have done.
func (c *commits) park(p *pending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage == nil {
		return
	}
	if p.isDirty {
		if err := p.stage.save(context.Background()); err != nil {
			logrus.WithError(err).WithField("path", p.path).Warn("unfinished upload could not be kept")
		}
	}
	c.over(p)
}
