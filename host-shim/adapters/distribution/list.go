// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"context"
	"strings"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"

	"regstore/adapters/distribution/internal/plugin"
)

// List shows no sidecars, but the folder in which one lies is there.
func (d *driver) List(ctx context.Context, path string) ([]string, error) {
	if folder, ok := folderOf(statesPath, path); ok {
		if states, ok := d.folders.states(folder); ok {
			return states, nil
		}
	}
	if err := d.commits.showIn(ctx, path); err != nil {
		return nil, err
	}
	list, err := d.store.OpenList(ctx, plugin.ListOptions{Prefix: below(path), Folders: true})
	if err != nil {
		return nil, pathError(path, err)
	}
	defer list.Close()
	found, isThere := []string{}, path == "/"
	for {
		key, _, err := list.Next(ctx)
		switch {
		case err != nil:
			return nil, err
		case key == "" && !isThere:
			return nil, storagedriver.PathNotFoundError{Path: path, DriverName: driverName}
		case key == "":
			return found, nil
		case !isSidecar(key):
			found = append(found, pathOf(strings.TrimSuffix(key, "/")))
		}
		isThere = true
	}
}
