// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"context"

	"regstore/adapters/distribution/internal/plugin"
)

// stage is where the bytes of one upload are before they are committed:
//
//	small   all of them, in memory; what the sidecar has of them is elsewhere too
//	large   in the plugin's hands, as soon as there are more than smallMost
//
// One goroutine at a time may use it.
type stage struct {
	d      *driver
	key    string // the path's
	folder string // of a registry's upload, which Move commits somewhere else; else ""
	small  []byte
	large  *plugin.Upload
	token  string // the newest that the plugin gave for this upload

	hasSidecar bool
	saved      int64 // so many bytes does the sidecar stand for
}

// openStage goes on from a sidecar; with nil it begins anew.
func (d *driver) openStage(ctx context.Context, key, folder string, raw []byte) (*stage, error) {
	g := &stage{d: d, key: key, folder: folder}
	if raw == nil {
		return g, nil
	}
	s, err := decodeSidecar(raw)
	if err != nil {
		return nil, err
	}
	g.small, g.token, g.hasSidecar = s.small, s.token, true
	if s.token != "" && len(s.small) == 0 {
		if g.large, err = d.store.OpenUpload(ctx, plugin.UploadOptions{Token: s.token}); err != nil {
			return nil, err
		}
	}
	g.saved = g.size()
	return g, nil
}

func (g *stage) size() int64 {
	if g.large != nil {
		return g.large.Offset()
	}
	return int64(len(g.small))
}

// write gives the number of bytes that were taken, after a failure too.
func (g *stage) write(ctx context.Context, p []byte) (int, error) {
	if g.large == nil {
		if len(g.small)+len(p) <= smallMost {
			g.hold(p)
			return len(p), nil
		}
		if err := g.grow(ctx); err != nil {
			return 0, err
		}
	}
	before := g.large.Offset()
	err := g.large.Write(ctx, p)
	return int(g.large.Offset() - before), err
}

// hold appends in few and large steps: what append throws away adds up over many pushes.
func (g *stage) hold(p []byte) {
	if need := len(g.small) + len(p); need > cap(g.small) {
		room := max(need, min(4*cap(g.small), smallMost), smallMost/16)
		g.small = append(make([]byte, 0, room), g.small...)
	}
	g.small = append(g.small, p...)
}

// grow hands the small bytes over to the plugin. The sidecar comes first: a process may be killed
// at any moment from here on, and the sidecar's token can abort whatever was sent until then
// (TOK-4). It stands for as many bytes as before.
func (g *stage) grow(ctx context.Context) error {
	if g.token == "" {
		token, err := g.begin(ctx)
		if err != nil {
			return err
		}
		if err := g.putSidecar(ctx, sidecar{token: token, small: g.small[:g.saved]}); err != nil {
			return err
		}
		g.token = token
	}
	u, err := g.d.store.OpenUpload(ctx, plugin.UploadOptions{Token: g.token})
	if err != nil {
		return err
	}
	if err := u.Write(ctx, g.small); err != nil {
		u.Close() // what it has sent, the token aborts
		return err
	}
	g.large, g.small = u, nil
	return nil
}

// begin gives a token of a new upload. There is no I/O at offset 0 (TOK-1).
func (g *stage) begin(ctx context.Context) (string, error) {
	o := plugin.UploadOptions{ContentType: contentType, Verified: true}
	if g.folder == "" {
		o.Key, o.Sole = g.key, true
	}
	u, err := g.d.store.OpenUpload(ctx, o)
	if err != nil {
		return "", err
	}
	defer u.Close()
	token, _, err := u.Suspend(ctx)
	return token, err
}

func (g *stage) putSidecar(ctx context.Context, s sidecar) error {
	if g.folder != "" && g.d.folders.isGone(g.folder) {
		return errOver // nobody would ever delete it again
	}
	head, small := s.encode()
	if err := g.d.put(ctx, sidecarOf(g.key), "", head, small); err != nil {
		return err
	}
	g.hasSidecar = true
	if g.folder != "" {
		g.d.folders.wrote(g.folder, head, small)
	}
	return nil
}

// save makes all bytes safe, so that any process can go on. After a failure saved tells how many
// are.
func (g *stage) save(ctx context.Context) error {
	err := g.trySave(ctx)
	if err != nil {
		g.d.folders.doubt(g.folder)
	}
	return err
}

func (g *stage) trySave(ctx context.Context) error {
	if g.large == nil {
		err := g.putSidecar(ctx, sidecar{token: g.token, small: g.small})
		if err == nil {
			g.saved = int64(len(g.small))
		}
		return err
	}
	token, kept, err := g.large.Suspend(ctx)
	if token == "" {
		return err
	}
	g.token = token
	if e := g.putSidecar(ctx, sidecar{token: token}); e != nil {
		return e
	}
	g.saved = kept
	return err
}

// commit makes the blob visible at key, if it has the digest, where one is given.
func (g *stage) commit(ctx context.Context, key, digest string) error {
	if g.large != nil {
		_, err := g.large.Commit(ctx, key, digest)
		return err
	}
	if err := g.d.put(ctx, key, digest, g.small); err != nil {
		return err
	}
	if g.token == "" {
		return nil
	}
	// A process was killed, or grow failed, when the plugin had perhaps begun to send.
	return g.d.abortToken(context.WithoutCancel(ctx), g.token)
}

// abort leaves nothing behind but the sidecar. It works in every state of the stage.
func (g *stage) abort(ctx context.Context) error {
	if g.token == "" {
		return nil
	}
	if g.large != nil {
		err := g.large.Abort(ctx)
		if !hasStatus(err, plugin.State) {
			return err
		}
	}
	return g.d.abortToken(ctx, g.token) // suspended, or never handed over
}

// close frees the plugin's handle. Afterwards only abort and removeSidecar are legal.
func (g *stage) close() {
	if g.large != nil {
		g.large.Close()
		g.large = nil
	}
}

// remove leaves nothing behind.
func (g *stage) remove(ctx context.Context) error {
	if err := g.abort(ctx); err != nil {
		return err
	}
	return g.removeSidecar(ctx)
}

// removeSidecar is for when nobody can want to go on.
func (g *stage) removeSidecar(ctx context.Context) error {
	if !g.hasSidecar {
		return nil
	}
	g.hasSidecar = false
	return g.d.store.Delete(ctx, sidecarOf(g.key))
}
