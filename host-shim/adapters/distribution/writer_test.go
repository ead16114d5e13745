// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"
)

const (
	uploadDir = "/docker/registry/v2/repositories/a/b/_uploads/01a21ddf-5f88-7083-8929-aadf7b627902"
	upload    = uploadDir + "/data"
	elsewhere = "/some/where/else"
)

// sizes have each way that an upload can lie: nowhere, in the sidecar, parked, in parts with a tail.
var sizes = []int{1, smallMost - 1, smallMost, smallMost + 1, 5 << 20, 12<<20 + 7}

func randomBytes(n int) []byte {
	content := make([]byte, n)
	random := rand.NewChaCha8(sha256.Sum256([]byte("the same at each run")))
	_, _ = random.Read(content) // never fails
	return content
}

func open(t *testing.T, d *Driver, path string, appendMode bool) storagedriver.FileWriter {
	t.Helper()
	w, err := d.Writer(t.Context(), path, appendMode)
	must(t, err)
	return w
}

func write(t *testing.T, w storagedriver.FileWriter, content []byte) {
	t.Helper()
	n, err := w.Write(content)
	must(t, err)
	if n != len(content) {
		t.Fatalf("%d of %d bytes written", n, len(content))
	}
}

func mustHave(t *testing.T, d *Driver, path string, content []byte) {
	t.Helper()
	got, err := d.GetContent(t.Context(), path)
	must(t, err)
	if !bytes.Equal(got, content) {
		t.Fatalf("%s: %d other bytes, not the %d that were written", path, len(got), len(content))
	}
}

func mustLack(t *testing.T, d *Driver, path string) {
	t.Helper()
	_, err := d.Stat(t.Context(), path)
	if !errors.As(err, &storagedriver.PathNotFoundError{}) {
		t.Fatalf("%s is there, or: %v", path, err)
	}
}

func blobPathOf(content []byte) string {
	hex := fmt.Sprintf("%x", sha256.Sum256(content))
	return "/docker/registry/v2/blobs/sha256/" + hex[:2] + "/" + hex + "/data"
}

// deleteUpload removes the folder, in which a sidecar may be or not.
func deleteUpload(t *testing.T, d *Driver) {
	t.Helper()
	if err := d.Delete(t.Context(), uploadDir); err != nil && !errors.As(err, &storagedriver.PathNotFoundError{}) {
		t.Fatal(err)
	}
}

func TestWriterOpenedAndClosedCreatesNothing(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, path := range []string{upload, elsewhere} {
			for _, appendMode := range []bool{false, true} {
				w := open(t, d, path, appendMode)
				must(t, w.Close())
				if w.Size() != 0 {
					t.Fatalf("size %d", w.Size())
				}
			}
		}
		b.mustBeEmpty()
	})
}

func TestSidecarIsHidden(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range sizes {
			w := open(t, d, upload, false)
			write(t, w, randomBytes(size))
			must(t, w.Close())
			if !slices.ContainsFunc(b.left(), isSidecar) {
				t.Fatalf("there is no sidecar to hide: %q", b.left())
			}
			mustLack(t, d, upload)
			children, err := d.List(t.Context(), uploadDir)
			must(t, err)
			if len(children) > 0 {
				t.Fatalf("listed: %q", children)
			}
			info, err := d.Stat(t.Context(), uploadDir)
			must(t, err)
			if !info.IsDir() {
				t.Fatal("the folder is a file")
			}
			must(t, d.Walk(t.Context(), "/", func(info storagedriver.FileInfo) error {
				if !info.IsDir() {
					t.Fatalf("walked over: %s", info.Path())
				}
				return nil
			}))
			must(t, d.Delete(t.Context(), uploadDir))
			b.mustBeEmpty()
		}
	})
}

// One upload goes back and forth between replicas, in pieces of any size.
func TestAnotherReplicaGoesOn(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		replicas := []*Driver{b.driver(), b.driver(), b.driver()}
		random := rand.New(rand.NewPCG(1, 2))
		for _, path := range []string{upload, elsewhere} {
			for _, size := range sizes {
				content := randomBytes(size)
				for offset := 0; ; {
					d := replicas[random.IntN(len(replicas))]
					w := open(t, d, path, offset > 0)
					if w.Size() != int64(offset) {
						t.Fatalf("size %d at offset %d of %d", w.Size(), offset, size)
					}
					n := random.IntN(size-offset) + 1
					write(t, w, content[offset:offset+n])
					offset += n
					if offset == size {
						must(t, w.Commit(t.Context()))
						must(t, w.Close())
						finish(t, d, replicas[0], path, content)
						break
					}
					must(t, w.Close())
					if w.Size() != int64(offset) {
						t.Fatalf("size %d after close at %d", w.Size(), offset)
					}
				}
				b.mustBeEmpty()
			}
		}
	})
}

// finish does what the registry does after Commit, and removes all that it has seen to be right.
func finish(t *testing.T, d, other *Driver, path string, content []byte) {
	t.Helper()
	if path == upload {
		path = blobPathOf(content)
		must(t, d.Move(t.Context(), upload, path))
		deleteUpload(t, d)
	}
	mustHave(t, other, path, content)
	must(t, d.Delete(t.Context(), path))
}

func TestDeleteAbortsWhatIsUnfinished(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for i, size := range sizes {
			for _, under := range []string{"/docker/registry/v2/repositories/r", "/other"} {
				id := fmt.Sprintf("01a21ddf-5f88-7083-8929-%012d", i)
				w := open(t, d, path.Join(under, "_uploads", id, "data"), false)
				write(t, w, randomBytes(size))
				must(t, w.Close())
			}
		}
		if len(b.left()) < 2*len(sizes) {
			t.Fatalf("nothing is unfinished: %q", b.left())
		}
		other := b.driver()
		must(t, other.Delete(t.Context(), "/docker"))
		must(t, other.Delete(t.Context(), "/other"))
		b.mustBeEmpty()
	})
}

func TestCancelAndCloseInAnyOrder(t *testing.T) {
	ctx := context.Background()
	orders := map[string]func(w storagedriver.FileWriter) error{
		"cancel, close":         func(w storagedriver.FileWriter) error { return errors.Join(w.Cancel(ctx), w.Close()) },
		"close, cancel":         func(w storagedriver.FileWriter) error { return errors.Join(w.Close(), w.Cancel(ctx)) },
		"close, close, cancel":  func(w storagedriver.FileWriter) error { return errors.Join(w.Close(), w.Close(), w.Cancel(ctx)) },
		"cancel, cancel, close": func(w storagedriver.FileWriter) error { return errors.Join(w.Cancel(ctx), w.Cancel(ctx), w.Close()) },
	}
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for name, order := range orders {
			for _, path := range []string{upload, elsewhere} {
				for _, size := range sizes {
					w := open(t, d, path, false)
					write(t, w, randomBytes(size))
					if err := order(w); err != nil {
						t.Fatalf("%s, %d bytes: %v", name, size, err)
					}
					if left := b.left(); len(left) > 0 {
						t.Fatalf("%s, %d bytes at %s: left %q", name, size, path, left)
					}
				}
			}
		}
	})
}

func TestCancelAfterCommitTouchesNoBlob(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range append([]int{0}, sizes...) {
			content := randomBytes(size)
			for _, target := range []string{blobPathOf(content), elsewhere} {
				path := upload
				if target == elsewhere {
					path = elsewhere
				}
				w := open(t, d, path, false)
				write(t, w, content)
				must(t, w.Commit(t.Context()))
				if path == upload {
					must(t, d.Move(t.Context(), upload, target))
				}
				must(t, w.Cancel(t.Context()))
				must(t, w.Close())
				must(t, w.Close())
				mustHave(t, d, target, content)
				must(t, d.Delete(t.Context(), target))
				deleteUpload(t, d)
				b.mustBeEmpty()
			}
		}
	})
}

// The registry commits before it compares. What it then cancels was never under a final name.
func TestCancelBetweenCommitAndMoveLeavesNothing(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range append([]int{0}, sizes...) {
			w := open(t, d, upload, false)
			write(t, w, randomBytes(size))
			must(t, w.Commit(t.Context()))
			must(t, w.Close())
			for _, key := range b.left() {
				if !isSidecar(key) && !strings.Contains(key, "uploads/") {
					t.Fatalf("visible before it was compared: %q", b.left())
				}
			}
			must(t, w.Cancel(t.Context()))
			b.mustBeEmpty()
		}
	})
}

func TestMoveComparesTheDigest(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range sizes {
			w := open(t, d, upload, false)
			write(t, w, randomBytes(size))
			must(t, w.Commit(t.Context()))
			must(t, w.Close())
			wrong := blobPathOf([]byte("something else"))
			if err := d.Move(t.Context(), upload, wrong); err == nil || !strings.Contains(err.Error(), "DIGEST") {
				t.Fatalf("%d bytes moved to another digest: %v", size, err)
			}
			mustLack(t, b.driver(), wrong)
			must(t, d.Move(t.Context(), upload, blobPathOf(randomBytes(size))))
			must(t, d.Delete(t.Context(), blobPathOf(randomBytes(size))))
			deleteUpload(t, d)
			b.mustBeEmpty()
		}
	})
}

// Between Commit and Move the file is there for everybody in this process, whatever is asked.
func TestCommittedUploadIsAFile(t *testing.T) {
	looks := map[string]func(t *testing.T, d *Driver, content []byte){
		"Stat": func(t *testing.T, d *Driver, content []byte) {
			info, err := d.Stat(t.Context(), upload)
			must(t, err)
			if info.Size() != int64(len(content)) || info.IsDir() || info.ModTime().IsZero() {
				t.Fatalf("%+v", info)
			}
		},
		"GetContent": func(t *testing.T, d *Driver, content []byte) { mustHave(t, d, upload, content) },
		"List": func(t *testing.T, d *Driver, _ []byte) {
			children, err := d.List(t.Context(), uploadDir)
			must(t, err)
			if !slices.Equal(children, []string{upload}) {
				t.Fatalf("%q", children)
			}
		},
		"Walk": func(t *testing.T, d *Driver, _ []byte) {
			var seen []string
			must(t, d.Walk(t.Context(), uploadDir, func(info storagedriver.FileInfo) error {
				seen = append(seen, info.Path())
				return nil
			}))
			if !slices.Equal(seen, []string{upload}) {
				t.Fatalf("%q", seen)
			}
		},
	}
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range append([]int{0}, sizes...) {
			for name, look := range looks {
				content := randomBytes(size)
				w := open(t, d, upload, false)
				write(t, w, content)
				must(t, w.Commit(t.Context()))
				must(t, w.Close())
				t.Run(fmt.Sprint(name, size), func(t *testing.T) { look(t, d, content) })
				must(t, d.Move(t.Context(), upload, elsewhere))
				mustLack(t, d, upload)
				mustHave(t, d, elsewhere, content)
				must(t, d.Delete(t.Context(), elsewhere))
				deleteUpload(t, d)
				b.mustBeEmpty()
			}
		}
	})
}

func TestAppendToACommittedFile(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range append([]int{0}, sizes...) {
			content := randomBytes(size)
			must(t, d.PutContent(t.Context(), elsewhere, content))
			w := open(t, d, elsewhere, true)
			if w.Size() != int64(size) {
				t.Fatalf("size %d of %d", w.Size(), size)
			}
			must(t, w.Close())
			mustHave(t, d, elsewhere, content)
			w = open(t, d, elsewhere, true)
			write(t, w, []byte("and more"))
			must(t, w.Close())
			mustHave(t, d, elsewhere, content)
			w = open(t, b.driver(), elsewhere, true)
			must(t, w.Commit(t.Context()))
			must(t, w.Close())
			mustHave(t, d, elsewhere, append(content, "and more"...))
			must(t, d.Delete(t.Context(), elsewhere))
			b.mustBeEmpty()
		}
	})
}

// A writer that begins anew drops what another left unfinished at the same path.
func TestWriterWithoutAppendBeginsAnew(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range sizes {
			w := open(t, d, elsewhere, false)
			write(t, w, randomBytes(size))
			must(t, w.Close())
			must(t, open(t, d, elsewhere, false).Close())
			b.mustBeEmpty()
		}
	})
}

func TestDamagedSidecarIsRefusedAndCanBeDeleted(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		inner := d.StorageDriver.(*driver)
		good := slices.Concat(sidecar{token: "token", small: []byte("bytes")}.encode())
		for cut := range good {
			must(t, inner.put(t.Context(), sidecarOf(keyOf(upload)), "", good[:cut]))
			if _, err := d.Writer(t.Context(), upload, true); err == nil {
				t.Fatalf("a sidecar cut at %d was taken", cut)
			}
		}
		flipped := bytes.Clone(good)
		flipped[len(flipped)-1] ^= 1
		must(t, inner.put(t.Context(), sidecarOf(keyOf(upload)), "", flipped))
		if _, err := d.Writer(t.Context(), upload, true); err == nil {
			t.Fatal("a sidecar with another byte was taken")
		}
		must(t, d.Delete(t.Context(), uploadDir))
		b.mustBeEmpty()
	})
}
