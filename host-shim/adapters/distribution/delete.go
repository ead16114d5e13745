// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"context"
	"path"
	"strings"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"

	"regstore/adapters/distribution/internal/plugin"
)

// deleteBatch is as many as S3 takes at once.
const deleteBatch = 1000

// Delete removes a file, or all in a folder; what is unfinished there is aborted first. On S3 that
// is one list and one request for a thousand keys, and a list more for a path beside which others
// begin with its name.
func (d *driver) Delete(ctx context.Context, target string) error {
	if err := d.commits.drop(ctx, target); err != nil {
		return err
	}
	r := remover{d: d, key: keyOf(target)}
	isAlone, err := r.list(ctx, plugin.ListOptions{Prefix: r.key})
	if err == nil && !isAlone {
		err = r.listAround(ctx)
	}
	if err == nil {
		err = r.flush(ctx)
	}
	if err != nil {
		return pathError(target, err)
	}
	d.folders.forget(target)
	if !r.found {
		return storagedriver.PathNotFoundError{Path: target, DriverName: driverName}
	}
	return nil
}

// remover collects the keys of a file or folder and removes them.
type remover struct {
	d     *driver
	key   string
	found bool
	batch []string
}

func (r *remover) isMine(key string) bool {
	return key == r.key || key == sidecarOf(r.key) || strings.HasPrefix(key, r.key+"/")
}

// list takes what is listed; false: it met a key that only begins with the same name, and stopped.
func (r *remover) list(ctx context.Context, o plugin.ListOptions) (bool, error) {
	list, err := r.d.store.OpenList(ctx, o)
	if err != nil {
		return false, err
	}
	defer list.Close()
	for {
		key, _, err := list.Next(ctx)
		if err != nil || key == "" {
			return true, err
		}
		if !r.isMine(key) {
			return false, nil
		}
		if err := r.take(ctx, key); err != nil {
			return false, err
		}
	}
}

// listAround skips the others: there may be any number of them.
func (r *remover) listAround(ctx context.Context) error {
	for _, prefix := range []string{r.key + "/", sidecarOf(r.key)} {
		if _, err := r.list(ctx, plugin.ListOptions{Prefix: prefix}); err != nil {
			return err
		}
	}
	return nil
}

func (r *remover) take(ctx context.Context, key string) error {
	r.found = true
	if isSidecar(key) && !r.d.folders.isSettled(path.Dir(pathOf(key))) {
		if err := r.d.dropUnfinished(ctx, strings.TrimSuffix(key, sidecarSuffix)); err != nil {
			return err
		}
	}
	r.batch = append(r.batch, key)
	if len(r.batch) < deleteBatch {
		return nil
	}
	return r.flush(ctx)
}

func (r *remover) flush(ctx context.Context) error {
	err := r.d.store.Delete(ctx, r.batch...)
	r.batch = r.batch[:0]
	return err
}
