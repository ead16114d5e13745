// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"context"
	"time"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"

	"regstore/adapters/distribution/internal/plugin"
)

func fileInfo(path string, size int64, modTime time.Time) storagedriver.FileInfoInternal {
	return storagedriver.FileInfoInternal{FileInfoFields: storagedriver.FileInfoFields{
		Path:    path,
		Size:    size,
		ModTime: modTime,
	}}
}

// folderInfo has no time: no object store knows one.
func folderInfo(path string) storagedriver.FileInfoInternal {
	return storagedriver.FileInfoInternal{FileInfoFields: storagedriver.FileInfoFields{
		Path:  path,
		IsDir: true,
	}}
}

// Stat of a file is one request on S3, of a folder two.
func (d *driver) Stat(ctx context.Context, path string) (storagedriver.FileInfo, error) {
	if info, ok := d.commits.stat(path); ok {
		return info, nil
	}
	if path != "/" {
		found, err := d.store.Stat(ctx, keyOf(path))
		if err == nil {
			return fileInfo(path, found.Length, found.ModTime), nil
		}
		if !hasStatus(err, plugin.NotFound) || isFile(path) {
			return nil, pathError(path, err)
		}
	}
	isFolder, err := d.isFolder(ctx, path)
	if err != nil {
		return nil, err
	}
	if !isFolder && path != "/" {
		return nil, storagedriver.PathNotFoundError{Path: path, DriverName: driverName}
	}
	return folderInfo(path), nil
}

func (d *driver) isFolder(ctx context.Context, path string) (bool, error) {
	list, err := d.store.OpenList(ctx, plugin.ListOptions{Prefix: below(path), Limit: 1})
	if err != nil {
		return false, err
	}
	defer list.Close()
	key, _, err := list.Next(ctx)
	return key != "", err
}
