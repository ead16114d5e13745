// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/s3-aws"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// registry is distribution's whole application over a driver, as a process has it.
type registry struct {
	t   *testing.T
	url string
}

func serve(t *testing.T, driver string, parameters map[string]any) *registry {
	t.Helper()
	c := &configuration.Configuration{Storage: configuration.Storage{
		driver:        parameters,
		"delete":      {"enabled": true},
		"maintenance": {"uploadpurging": map[any]any{"enabled": false}},
	}}
	c.HTTP.Secret = "the same for all replicas"
	server := httptest.NewServer(handlers.NewApp(t.Context(), c))
	t.Cleanup(server.Close)
	return &registry{t, server.URL}
}

func (b *backend) serve() *registry {
	b.t.Helper()
	return serve(b.t, driverName, b.parameters())
}

// serveUpstream is distribution's own s3 driver on the same bucket and root.
func (b *backend) serveUpstream() *registry {
	b.t.Helper()
	return serve(b.t, "s3", map[string]any{
		"bucket":         b.bucket.name,
		"region":         "us-east-1",
		"regionendpoint": b.bucket.endpoint,
		"accesskey":      b.bucket.key,
		"secretkey":      b.bucket.secret,
		"rootdirectory":  "/" + storagePath,
		"forcepathstyle": true,
		"secure":         false,
	})
}

func (r *registry) do(method, target string, body []byte, header ...string) *http.Response {
	r.t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = r.url + target
	}
	at, err := url.Parse(target)
	must(r.t, err)
	here, err := url.Parse(r.url)
	must(r.t, err)
	if strings.HasPrefix(at.Path, "/v2/") {
		at.Host = here.Host // the upload goes on at this replica
	}
	request, err := http.NewRequest(method, at.String(), bytes.NewReader(body))
	must(r.t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	must(r.t, err)
	return answer
}

// expect ends the test at another answer, and gives the headers and the body.
func (r *registry) expect(status int, method, target string, body []byte, header ...string) (http.Header, []byte) {
	r.t.Helper()
	answer := r.do(method, target, body, header...)
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	must(r.t, err)
	if answer.StatusCode != status {
		r.t.Fatalf("%s %s: %s, not %d: %s", method, target, answer.Status, status, said)
	}
	return answer.Header, said
}

func digestOfBytes(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

const octets = "application/octet-stream"

func (r *registry) begin() string {
	r.t.Helper()
	header, _ := r.expect(http.StatusAccepted, "POST", "/v2/a/b/blobs/uploads/", nil)
	return header.Get("Location")
}

func (r *registry) patch(location string, chunk []byte) string {
	r.t.Helper()
	header, _ := r.expect(http.StatusAccepted, "PATCH", location, chunk, "Content-Type", octets)
	return header.Get("Location")
}

func (r *registry) put(location string, rest []byte, digest string) {
	r.t.Helper()
	r.expect(http.StatusCreated, "PUT", location+"&digest="+digest, rest, "Content-Type", octets)
}

func (r *registry) pushBlob(content []byte) {
	r.t.Helper()
	r.put(r.patch(r.begin(), content), nil, digestOfBytes(content))
}

func (r *registry) mustHaveBlob(content []byte) {
	r.t.Helper()
	_, got := r.expect(http.StatusOK, "GET", "/v2/a/b/blobs/"+digestOfBytes(content), nil)
	if !bytes.Equal(got, content) {
		r.t.Fatalf("a blob of %d bytes has others", len(content))
	}
}

// pushImage gives the manifest's digest.
func (r *registry) pushImage(tag string, layers ...[]byte) string {
	r.t.Helper()
	describe := func(kind string, content []byte) v1.Descriptor {
		r.pushBlob(content)
		sum := sha256.Sum256(content)
		return v1.Descriptor{MediaType: kind, Digest: digestFrom(sum[:]), Size: int64(len(content))}
	}
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: describe(v1.MediaTypeImageConfig, []byte(`{"tag":"`+tag+`"}`))}
	m.SchemaVersion = 2
	for _, layer := range layers {
		m.Layers = append(m.Layers, describe(v1.MediaTypeImageLayer, layer))
	}
	raw, err := json.Marshal(m)
	must(r.t, err)
	r.expect(http.StatusCreated, "PUT", "/v2/a/b/manifests/"+tag, raw, "Content-Type", v1.MediaTypeImageManifest)
	return digestOfBytes(raw)
}

func (r *registry) pullImage(tag string) {
	r.t.Helper()
	_, raw := r.expect(http.StatusOK, "GET", "/v2/a/b/manifests/"+tag, nil, "Accept", v1.MediaTypeImageManifest)
	var m v1.Manifest
	must(r.t, json.Unmarshal(raw, &m))
	for _, blob := range append(m.Layers, m.Config) {
		_, content := r.expect(http.StatusOK, "GET", "/v2/a/b/blobs/"+blob.Digest.String(), nil)
		if digestOfBytes(content) != blob.Digest.String() {
			r.t.Fatalf("layer %s has other bytes", blob.Digest)
		}
	}
}

// Either driver serves what the other has laid, and both lay the same keys.
func TestUpstreamsDriverAndOursShareABucket(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		if b.bucket == nil {
			t.Skip("distribution's s3 driver takes no folder")
		}
		ours, theirs := b.serve(), b.serveUpstream()
		small, large := randomBytes(300), randomBytes(6<<20)
		ours.pushImage("one", small, large)
		theirs.pullImage("one")
		keys := b.left()
		must(t, b.driver().Delete(t.Context(), "/docker"))
		b.mustBeEmpty()
		theirs.pushImage("one", small, large)
		ours.pullImage("one")
		if their := b.left(); !slices.Equal(keys, their) {
			t.Fatalf("ours:\n%s\ntheirs:\n%s", strings.Join(keys, "\n"), strings.Join(their, "\n"))
		}
		theirs.expect(http.StatusAccepted, "DELETE", "/v2/a/b/manifests/one", nil)
		ours.expect(http.StatusNotFound, "GET", "/v2/a/b/manifests/one", nil)
		second := ours.pushImage("two", small)
		ours.expect(http.StatusAccepted, "DELETE", "/v2/a/b/manifests/"+second, nil)
		theirs.expect(http.StatusNotFound, "GET", "/v2/a/b/manifests/two", nil)
		must(t, b.driver().Delete(t.Context(), "/docker"))
		b.mustBeEmpty()
	})
}

// TestRequestsOfALayer holds the table of README.md.
func TestRequestsOfALayer(t *testing.T) {
	b := newFake(t)
	ours, theirs, second := b.serve(), b.serveUpstream(), b.serve()
	// STS and the bucket's region are asked once a process.
	for _, r := range []*registry{ours, theirs, second} {
		r.pushBlob(randomBytes(17))
	}
	few, many := randomBytes(1000), randomBytes(smallMost+1)
	b.counts()
	total := func(name string, push func()) int {
		push()
		counts, sum := b.counts(), 0
		for _, n := range counts {
			sum += n
		}
		for _, op := range slices.Sorted(maps.Keys(counts)) {
			t.Logf("%-40s %2d %s", name, counts[op], op)
		}
		t.Logf("%-40s %2d in all", name, sum)
		return sum
	}
	steps := func(name string, first, other *registry, content []byte) int {
		var location string
		return total(name+": POST", func() { location = first.begin() }) +
			total(name+": PATCH", func() { location = other.patch(location, content) }) +
			total(name+": PUT", func() { first.put(location, nil, digestOfBytes(content)) })
	}
	other := func(content []byte) []byte { return append([]byte("another "), content...) }
	for _, want := range []struct {
		name  string
		exact int
		got   int
	}{
		{"small", 13, steps("ours, small", ours, ours, few)},
		{"small, two replicas", 16, steps("ours, small, two replicas", ours, second, other(few))},
		{"over 1 MiB", 16, steps("ours, over 1 MiB", ours, ours, many)},
		{"three parts", 22, steps("ours, three parts", ours, ours, randomBytes(11<<20))},
		{"small, there already", 12, steps("ours, small, there already", ours, ours, few)},
		{"small, all in PUT", 10, total("ours, small, all in PUT", func() {
			location := ours.begin()
			content := other(other(few))
			ours.put(location, content, digestOfBytes(content))
		})},
	} {
		if want.got != want.exact {
			t.Errorf("%s: %d requests, not %d", want.name, want.got, want.exact)
		}
	}
	upstream := steps("upstream's, small", theirs, theirs, other(other(other(few))))
	if upstream <= 16 {
		t.Errorf("upstream's driver needs only %d", upstream)
	}
}

var rangeEnd = regexp.MustCompile(`-(\d+)$`)

// One push over two replicas: chunks of any size, at either; perhaps the rest in the PUT.
func TestAPushGoesBackAndForth(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		replicas := []*registry{b.serve(), b.serve()}
		random := rand.New(rand.NewPCG(3, 4))
		for _, size := range append([]int{0}, sizes...) {
			for range 4 {
				any := func() *registry { return replicas[random.IntN(len(replicas))] }
				content := randomBytes(size)
				location := any().begin()
				for offset := 0; offset < size; {
					n := random.IntN(size-offset) + 1
					location = any().patch(location, content[offset:offset+n])
					offset += n
					header, _ := any().expect(http.StatusNoContent, "GET", location, nil)
					if end := rangeEnd.FindStringSubmatch(header.Get("Range")); end == nil || end[1] != fmt.Sprint(offset-1) {
						t.Fatalf("at %d the registry says %s", offset, header.Get("Range"))
					}
					if random.IntN(4) == 0 {
						break
					}
				}
				header, _ := any().expect(http.StatusNoContent, "GET", location, nil)
				var got int
				if _, err := fmt.Sscanf(header.Get("Range"), "0-%d", &got); err != nil {
					t.Fatal(err)
				}
				if got > 0 || size == 1 {
					got++
				}
				if got > size || location == "" {
					t.Fatalf("%d of %d bytes", got, size)
				}
				any().put(location, content[min(got, size):], digestOfBytes(content))
				any().mustHaveBlob(content)
				must(t, b.driver().Delete(t.Context(), "/docker"))
				b.mustBeEmpty()
			}
		}
	})
}

// The connection breaks in mid-PATCH; another replica tells how far it came, and goes on.
func TestAPushGoesOnAfterABrokenConnection(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		first, second := b.serve(), b.serve()
		for _, size := range sizes[1:] {
			content := randomBytes(size)
			location := first.begin()
			at, err := url.Parse(location)
			must(t, err)
			connection, err := net.Dial("tcp", strings.TrimPrefix(first.url, "http://"))
			must(t, err)
			_, err = fmt.Fprintf(connection, "PATCH %s HTTP/1.1\r\nHost: registry\r\nContent-Length: %d\r\n\r\n",
				at.RequestURI(), size)
			must(t, err)
			_, err = connection.Write(content[:size/2])
			must(t, err)
			must(t, connection.Close())
			var got int
			for got == 0 { // the registry has not noticed yet
				header, _ := second.expect(http.StatusNoContent, "GET", location, nil)
				if _, err := fmt.Sscanf(header.Get("Range"), "0-%d", &got); err != nil {
					t.Fatal(err)
				}
				if got > 0 {
					location, got = header.Get("Location"), got+1
				}
			}
			if got > size/2 {
				t.Fatalf("%d of %d bytes", got, size/2)
			}
			second.put(second.patch(location, content[got:]), nil, digestOfBytes(content))
			second.mustHaveBlob(content)
			must(t, b.driver().Delete(t.Context(), "/docker"))
			b.mustBeEmpty()
		}
	})
}

func TestBadDigestLeavesNothing(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		r := b.serve()
		for _, size := range append([]int{0}, sizes...) {
			location := r.patch(r.begin(), randomBytes(size))
			r.expect(http.StatusBadRequest, "PUT", location+"&digest="+digestOfBytes([]byte("other")), nil)
			b.mustBeEmpty()
		}
	})
}

func TestCancelledPushLeavesNothing(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		replicas := []*registry{b.serve(), b.serve()}
		for i, size := range sizes {
			location := replicas[i%2].patch(replicas[0].begin(), randomBytes(size))
			replicas[1].expect(http.StatusNoContent, "DELETE", location, nil)
			b.mustBeEmpty()
		}
	})
}

func TestBlobThatIsThereIsNotSentAgain(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		r := b.serve()
		for _, size := range sizes {
			content := randomBytes(size)
			r.pushBlob(content)
			before := b.left()
			r.pushBlob(content)
			if after := b.left(); !slices.Equal(before, after) {
				t.Fatalf("before: %q, after: %q", before, after)
			}
			r.mustHaveBlob(content)
		}
	})
}

// A digest that the registry does not keep while it writes makes it read the file between Commit
// and Move.
func TestSHA512Push(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		r := b.serve()
		for _, size := range sizes {
			content := randomBytes(size)
			location := r.patch(r.begin(), content)
			r.put(location, nil, sha512Of(content))
			r.mustHaveBlob(content)
			for _, key := range b.left() {
				if strings.Contains(key, "_uploads") || strings.Contains(key, "uploads/") {
					t.Fatalf("left behind: %q", b.left())
				}
			}
		}
	})
}
