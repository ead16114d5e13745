// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"net/http"
	"time"

	"regstore/adapters/distribution/internal/plugin"
)

// A client has as long as this to begin its download. A session that ends sooner than redirectLeast
// is renewed first.
const (
	redirectLife  = 20 * time.Minute
	redirectLeast = 5 * time.Minute
)

// RedirectURL is "" where the plugin has no URLs: the registry then sends the bytes itself.
func (d *driver) RedirectURL(r *http.Request, path string) (string, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", nil
	}
	if d.store.Features()&plugin.PresignGet == 0 {
		return "", nil
	}
	if err := d.commits.show(r.Context(), path); err != nil {
		return "", err
	}
	url, err := d.store.Presign(r.Context(), keyOf(path), r.Method, redirectLife, redirectLeast)
	if hasStatus(err, plugin.Unsupported) {
		return "", nil
	}
	return url, pathError(path, err)
}
