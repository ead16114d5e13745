// SPDX-License-Identifier: Apache-2.0

// Package regstore is a storage driver of CNCF distribution over any regstore plugin. Import it
// for its effect: it registers itself as "regstore".
//
// A path without its leading "/" is a key, so the store holds what distribution's own s3 driver
// would lay under the same root, key for key. Beside them lies, while an upload is under way, what
// is needed to go on with it: see sidecar.go. Between Commit and Move an upload lies nowhere: see
// commits.go.
package regstore

import (
	"context"
	"errors"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/distribution/v3/registry/storage/driver/base"
	"github.com/distribution/distribution/v3/registry/storage/driver/factory"
	"github.com/sirupsen/logrus"

	"regstore/adapters/distribution/internal/plugin"
)

const driverName = "regstore"

// contentType is what distribution's s3 driver gives to everything.
const contentType = "application/octet-stream"

func init() {
	factory.Register(driverName, creator{})
}

type creator struct{}

func (creator) Create(ctx context.Context, parameters map[string]any) (storagedriver.StorageDriver, error) {
	return FromParameters(ctx, parameters)
}

// Driver is a storagedriver.StorageDriver.
type Driver struct {
	base.Base
}

type driver struct {
	store   *plugin.Store
	commits *commits
	folders *folders
}

// FromParameters makes a driver of what the registry's configuration says under storage.regstore.
// It does no I/O beyond reading files.
func FromParameters(ctx context.Context, parameters map[string]any) (*Driver, error) {
	where, err := readParameters(parameters)
	if err != nil {
		return nil, err
	}
	if err := plugin.Listen(newSink()); err != nil {
		return nil, err
	}
	store, info, err := plugin.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	logrus.WithFields(logrus.Fields{
		"plugin":   info.Name,
		"version":  info.Version,
		"file":     info.Path,
		"location": info.Location,
	}).Info("regstore plugin loaded")
	return newDriver(store), nil
}

func newDriver(store *plugin.Store) *Driver {
	d := &driver{store: store, folders: newFolders()}
	d.commits = newCommits(d)
	return &Driver{base.Base{StorageDriver: d}}
}

func (d *driver) Name() string { return driverName }

// hasStatus tells whether a plugin said this.
func hasStatus(err error, status plugin.Status) bool {
	var said *plugin.Error
	return errors.As(err, &said) && said.Status == status
}

// pathError gives those statuses distribution's own names that have one.
func pathError(path string, err error) error {
	switch {
	case hasStatus(err, plugin.NotFound):
		return storagedriver.PathNotFoundError{Path: path, DriverName: driverName}
	case hasStatus(err, plugin.Invalid) && !isKey(path):
		return storagedriver.InvalidPathError{Path: path, DriverName: driverName}
	default:
		return err
	}
}
