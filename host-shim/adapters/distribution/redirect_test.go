// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRedirectURLCanBeFetched(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		content := randomBytes(1000)
		must(t, d.PutContent(t.Context(), "/file", content))
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
			url, err := d.RedirectURL(httptest.NewRequest(method, "/", nil), "/file")
			must(t, err)
			isRead := method == http.MethodGet || method == http.MethodHead
			if (url != "") != (isRead && b.bucket != nil) {
				t.Fatalf("%s: %q", method, url)
			}
			if url == "" {
				continue
			}
			request, err := http.NewRequest(method, url, nil)
			must(t, err)
			request.Header.Set("Range", "bytes=10-19")
			answer, err := http.DefaultClient.Do(request)
			must(t, err)
			body, err := io.ReadAll(answer.Body)
			must(t, err)
			must(t, answer.Body.Close())
			if method == http.MethodGet && !bytes.Equal(body, content[10:20]) {
				t.Fatalf("%s: %s: %q", method, answer.Status, body)
			}
			if answer.StatusCode/100 != 2 {
				t.Fatalf("%s: %s", method, answer.Status)
			}
			// It is for this method and this file alone.
			for _, change := range []func(*http.Request){
				func(r *http.Request) { r.Method = http.MethodDelete },
				func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "/file", "/other", 1) },
			} {
				forged, err := http.NewRequest(method, url, nil)
				must(t, err)
				change(forged)
				answer, err := http.DefaultClient.Do(forged)
				must(t, err)
				must(t, answer.Body.Close())
				if answer.StatusCode != http.StatusForbidden {
					t.Fatalf("forged: %s", answer.Status)
				}
			}
		}
	})
}
