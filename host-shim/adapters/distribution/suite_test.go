// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"testing"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/distribution/v3/registry/storage/driver/testsuites"
)

// TestUpstreamSuite is distribution's own, whole; -short leaves out its stream of 5 GiB.
func TestUpstreamSuite(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		testsuites.Driver(t, func() (storagedriver.StorageDriver, error) { return b.driver(), nil }, false)
	})
}
