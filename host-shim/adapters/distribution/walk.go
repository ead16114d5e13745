// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"context"
	"errors"
	"strings"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"

	"regstore/adapters/distribution/internal/plugin"
)

// skipMost is how many keys of a skipped folder are read over before the list is opened anew behind
// it: as many as S3 sends at once.
const skipMost = 1000

// Walk reads one list of all keys, in byte order, and makes up the folders between them. A folder
// comes before what is in it, each exactly once. A hint is kept to the letter: nothing up to it
// comes, but all of the folders that it lies in and that come after it.
func (d *driver) Walk(ctx context.Context, from string, f storagedriver.WalkFn, options ...func(*storagedriver.WalkOptions)) error {
	var o storagedriver.WalkOptions
	for _, set := range options {
		set(&o)
	}
	if err := d.commits.showIn(ctx, from); err != nil {
		return err
	}
	w := walk{d: d, from: from, visit: f, hint: keyOf(o.StartAfterHint)}
	err := w.run(ctx)
	if errors.Is(err, storagedriver.ErrFilledBuffer) {
		return nil
	}
	return err
}

type walk struct {
	d       *driver
	from    string
	visit   storagedriver.WalkFn
	hint    string
	last    string // the folder of the last key, with its "/"
	skip    string // a folder that is to be left out, with its "/"
	skipped int
}

func (w *walk) run(ctx context.Context) error {
	o := plugin.ListOptions{Prefix: below(w.from), StartAfter: w.hint}
	w.last = below(w.from)
	for {
		again, err := w.read(ctx, o)
		if err != nil || !again {
			return err
		}
		o.StartAfter, o.AfterSubtree = w.skip, true
	}
}

// read goes through one list; true: it is to be opened anew behind what is skipped.
func (w *walk) read(ctx context.Context, o plugin.ListOptions) (bool, error) {
	list, err := w.d.store.OpenList(ctx, o)
	if err != nil {
		return false, err
	}
	defer list.Close()
	w.skipped = 0
	for {
		key, stat, err := list.Next(ctx)
		if err != nil || key == "" {
			return false, err
		}
		if w.skip != "" && strings.HasPrefix(key, w.skip) {
			if w.skipped++; w.skipped == skipMost {
				return true, nil
			}
			continue
		}
		if err := w.entry(key, stat); err != nil {
			return false, err
		}
	}
}

func (w *walk) entry(key string, stat plugin.Stat) error {
	isIn, err := w.folders(key)
	if err != nil || !isIn || isSidecar(key) {
		return err
	}
	err = w.visit(fileInfo(pathOf(key), stat.Length, stat.ModTime))
	if errors.Is(err, storagedriver.ErrSkipDir) {
		return nil
	}
	return err
}

// folders visits those that begin with this key; false: the key's own is to be skipped.
func (w *walk) folders(key string) (bool, error) {
	begin := len(below(w.from))
	for i := begin; i < len(key); i++ {
		if key[i] != '/' {
			continue
		}
		folder := key[:i+1]
		if strings.HasPrefix(w.last, folder) || strings.HasPrefix(w.hint+"/", folder) {
			continue
		}
		w.last = folder
		err := w.visit(folderInfo(pathOf(key[:i])))
		if errors.Is(err, storagedriver.ErrSkipDir) {
			w.skip, w.skipped = folder, 1
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	w.last = key[:strings.LastIndexByte(key, '/')+1]
	return true, nil
}
