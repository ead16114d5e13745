// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"

	"regstore/adapters/distribution/internal/plugin"
)

// What is needed to go on with an unfinished upload lies beside its path, in an object whose name
// no path of distribution can have:
//
//	regstore-upload 1 <SHA-256 of what follows, in hex>\n
//	<the plugin's token, or nothing>\n
//	<the upload's first bytes, or nothing>
//
// While an upload has no more than smallMost bytes, all of them are in there. That is one request
// where a parked tail and its token are two; the commit is one PUT, not a copy and a delete; and no
// process can die between the two, since there is one. Token and bytes together mean that the
// token's upload has been begun, so that it can be aborted, but keeps nothing that counts yet.
const (
	sidecarSuffix = "~upload"
	sidecarMagic  = "regstore-upload 1 "
	smallMost     = 1 << 20
)

var errDamaged = errors.New("what was kept of this unfinished upload is damaged: push again")

func sidecarOf(key string) string { return key + sidecarSuffix }

func isSidecar(key string) bool { return strings.HasSuffix(key, sidecarSuffix) }

type sidecar struct {
	token string
	small []byte
}

// encode leaves the bytes where they are, since many pushes do this at a time.
func (s sidecar) encode() (head, small []byte) {
	sum := sha256.New()
	sum.Write([]byte(s.token + "\n"))
	sum.Write(s.small)
	return fmt.Appendf(nil, "%s%x\n%s\n", sidecarMagic, sum.Sum(nil), s.token), s.small
}

func decodeSidecar(raw []byte) (sidecar, error) {
	rest, isOurs := bytes.CutPrefix(raw, []byte(sidecarMagic))
	wanted, body, hasBody := bytes.Cut(rest, []byte("\n"))
	sum := sha256.Sum256(body)
	token, small, hasToken := bytes.Cut(body, []byte("\n"))
	if !isOurs || !hasBody || !hasToken || hex.EncodeToString(sum[:]) != string(wanted) {
		return sidecar{}, errDamaged
	}
	return sidecar{token: string(token), small: small}, nil
}

// getSidecar gives nil when there is none.
func (d *driver) getSidecar(ctx context.Context, key string) ([]byte, error) {
	raw, err := d.get(ctx, sidecarOf(key))
	if hasStatus(err, plugin.NotFound) {
		return nil, nil
	}
	return raw, err
}

// dropUnfinished aborts what the sidecar of key stands for; the sidecar itself stays. Of a damaged
// one nothing can be known: what it stood for is left to the plugin's purge.
func (d *driver) dropUnfinished(ctx context.Context, key string) error {
	raw, err := d.getSidecar(ctx, key)
	if raw == nil || err != nil {
		return err
	}
	s, err := decodeSidecar(raw)
	if err != nil {
		logrus.WithField("key", sidecarOf(key)).Warn("unfinished upload left to purge: its sidecar is damaged")
		return nil
	}
	if s.token == "" {
		return nil
	}
	err = d.abortToken(ctx, s.token)
	if hasStatus(err, plugin.Invalid) {
		logrus.WithField("key", sidecarOf(key)).Warn("unfinished upload left to purge: its token is not this store's")
		return nil
	}
	return err
}

func (d *driver) abortToken(ctx context.Context, token string) error {
	u, err := d.store.OpenUpload(ctx, plugin.UploadOptions{Token: token})
	if err != nil {
		return err
	}
	defer u.Close()
	return u.Abort(ctx)
}
