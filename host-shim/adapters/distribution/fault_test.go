// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"
)

// A client that has left ends whatever is under way. That the calls come back at all is the claim:
// the server would hold them for minutes.
const heldFor = "600000"

func TestContextEndsACall(t *testing.T) {
	calls := map[string]func(ctx context.Context, d *Driver) error{
		"GetContent": func(ctx context.Context, d *Driver) error { _, err := d.GetContent(ctx, "/file"); return err },
		"PutContent": func(ctx context.Context, d *Driver) error { return d.PutContent(ctx, "/file", nil) },
		"Stat":       func(ctx context.Context, d *Driver) error { _, err := d.Stat(ctx, "/file"); return err },
		"List":       func(ctx context.Context, d *Driver) error { _, err := d.List(ctx, "/"); return err },
		"Move":       func(ctx context.Context, d *Driver) error { return d.Move(ctx, "/file", "/other") },
		"Delete":     func(ctx context.Context, d *Driver) error { return d.Delete(ctx, "/file") },
		"Walk":       func(ctx context.Context, d *Driver) error { return d.Walk(ctx, "/", nil) },
		"Reader":     func(ctx context.Context, d *Driver) error { _, err := d.Reader(ctx, "/file", 0); return err },
		"Writer":     func(ctx context.Context, d *Driver) error { _, err := d.Writer(ctx, "/file", true); return err },
	}
	b := newFake(t)
	d := b.driver()
	must(t, d.PutContent(t.Context(), "/file", []byte("content")))
	for name, call := range calls {
		for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
			t.Run(fmt.Sprint(name, end), func(t *testing.T) {
				b.fault("op", "*Object*", "times", "0", "do", "stall", "ms", heldFor)
				defer b.noFaults()
				ctx, cancel := context.WithCancel(t.Context())
				if end == context.DeadlineExceeded {
					ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
				} else {
					time.AfterFunc(300*time.Millisecond, cancel)
				}
				defer cancel()
				err := unwrapped(call(ctx, d))
				if !errors.Is(err, end) {
					t.Fatalf("%T %v", err, err)
				}
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := unwrapped(call(ctx, d)); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s in a context that is over: %v", name, err)
		}
	}
	mustHave(t, d, "/file", []byte("content"))
}

// unwrapped looks into distribution's own wrapper, which has no Unwrap.
func unwrapped(err error) error {
	var wrapper storagedriver.Error
	if errors.As(err, &wrapper) {
		return wrapper.Detail
	}
	return err
}

// What was received is kept when the client leaves: Close has a context of its own.
func TestCloseKeepsWhatAClientThatLeftHasSent(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range sizes {
			ctx, leave := context.WithCancel(t.Context())
			w, err := d.Writer(ctx, upload, false)
			must(t, err)
			write(t, w, randomBytes(size))
			leave()
			if _, err := w.Write(make([]byte, smallMost+1)); err == nil {
				t.Fatal("a write after the end")
			}
			must(t, d.PutContent(ctx, uploadDir+"/hashstates/sha256/7", []byte("state")))
			must(t, w.Close())
			w = open(t, b.driver(), upload, true)
			if w.Size() != int64(size) {
				t.Fatalf("%d of %d bytes kept", w.Size(), size)
			}
			must(t, w.Close())
			must(t, d.Delete(t.Context(), uploadDir))
			b.mustBeEmpty()
		}
	})
}

// Cancel by a client that has left keeps the bytes, since it may come again.
func TestCancelInAContextThatIsOverKeepsTheUpload(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, size := range sizes {
			w := open(t, d, upload, false)
			write(t, w, randomBytes(size))
			must(t, w.Commit(t.Context()))
			must(t, w.Close())
			ctx, leave := context.WithCancel(t.Context())
			leave()
			if err := w.Cancel(ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			w = open(t, b.driver(), upload, true)
			if w.Size() != int64(size) {
				t.Fatalf("%d of %d bytes kept", w.Size(), size)
			}
			must(t, w.Cancel(t.Context()))
			b.mustBeEmpty()
		}
	})
}

// Others look around while a push is about to end, and may leave: the push ends all the same.
func TestWalkFromAboveLeavesAPushAlone(t *testing.T) {
	b := newFake(t)
	for _, size := range sizes {
		d := b.driver()
		content := randomBytes(size)
		w := open(t, d, upload, false)
		write(t, w, content)
		must(t, w.Commit(t.Context()))
		b.fault("op", "CopyObject", "do", "error", "status", "403", "code", "AccessDenied")
		b.fault("op", "Complete*", "do", "error", "status", "403", "code", "AccessDenied")
		b.fault("op", "PutObject", "do", "error", "status", "403", "code", "AccessDenied")
		err := d.Walk(t.Context(), "/docker/registry/v2/repositories", func(storagedriver.FileInfo) error { return nil })
		b.noFaults()
		if err != nil && !errors.As(err, &storagedriver.PathNotFoundError{}) {
			t.Fatal(err)
		}
		must(t, d.Move(t.Context(), upload, blobPathOf(content)))
		must(t, w.Close())
		mustHave(t, d, blobPathOf(content), content)
		must(t, d.Delete(t.Context(), blobPathOf(content)))
		deleteUpload(t, d)
		b.mustBeEmpty()
	}
}

// A request that hangs on until the upload is over and its folder deleted leaves nothing in it.
func TestLateCloseWritesNothing(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		late := open(t, d, upload, false)
		write(t, late, randomBytes(1000))
		must(t, d.PutContent(t.Context(), uploadDir+"/startedat", []byte("now")))
		must(t, d.Delete(t.Context(), uploadDir))
		_ = late.Close() // there is nobody to tell
		b.mustBeEmpty()
	})
}

// An upload that was committed and goes on from its sidecar, as when the client's PUT comes again, has
// something to abort again.
func TestUploadThatGoesOnAfterItsCommitIsAborted(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		content := randomBytes(12 << 20)
		w := open(t, d, upload, false)
		write(t, w, content)
		must(t, w.Commit(t.Context()))
		must(t, d.Move(t.Context(), upload, blobPathOf(content)))
		must(t, w.Close())
		again := open(t, d, upload, true)
		write(t, again, content[again.Size():])
		_ = again.Close() // GONE is right as well: nothing may be left, that is all
		must(t, d.Delete(t.Context(), uploadDir))
		must(t, d.Delete(t.Context(), blobPathOf(content)))
		b.mustBeEmpty()
	})
}

// After a Close that failed, Size is what any process will go on with.
func TestSizeAfterAFailedCloseIsWhatIsKept(t *testing.T) {
	b := newFake(t)
	d := b.driver()
	for _, size := range sizes {
		for _, op := range []string{"PutObject", "UploadPart"} {
			first, second := randomBytes(size), randomBytes(size)
			w := open(t, d, upload, false)
			write(t, w, first)
			must(t, w.Close())
			w = open(t, d, upload, true)
			write(t, w, second)
			b.fault("op", op, "times", "0", "do", "error", "status", "403", "code", "AccessDenied")
			err := w.Close()
			b.noFaults()
			kept := w.Size()
			if err == nil && kept != int64(2*size) {
				t.Fatalf("OK, but %d of %d bytes", kept, 2*size)
			}
			d := b.driver()
			w = open(t, d, upload, true)
			if w.Size() != kept {
				t.Fatalf("%d bytes, %s refused: the next writer begins at %d, not %d", size, op, w.Size(), kept)
			}
			whole := append(first, second...)
			write(t, w, whole[kept:])
			must(t, w.Commit(t.Context()))
			must(t, w.Close())
			must(t, d.Move(t.Context(), upload, elsewhere))
			must(t, d.Delete(t.Context(), uploadDir))
			mustHave(t, d, elsewhere, whole)
			must(t, d.Delete(t.Context(), elsewhere))
			b.mustBeEmpty()
		}
	}
}

// A lost answer to the Move is no lost blob: the client's second PUT finds or makes it. It does so
// where the last bytes came with the first PUT, too.
func TestMoveAfterALostAnswer(t *testing.T) {
	b := newFake(t)
	for _, size := range sizes {
		for _, last := range []int{0, 1} {
			content := randomBytes(size + 1)
			d := b.driver()
			w := open(t, d, upload, false)
			write(t, w, content[:len(content)-last])
			must(t, w.Close())
			w = open(t, d, upload, true)
			write(t, w, content[len(content)-last:])
			must(t, w.Commit(t.Context()))
			must(t, w.Close())
			ctx, cancel := context.WithCancel(t.Context())
			b.fault("op", "*Object", "key", "*blobs*", "when", "after", "do", "stall", "ms", heldFor)
			time.AfterFunc(300*time.Millisecond, cancel)
			if err := d.Move(ctx, upload, blobPathOf(content)); err == nil {
				t.Fatal("the answer was not lost")
			}
			b.noFaults()
			_ = w.Cancel(ctx) // as the registry does
			other := b.driver()
			w = open(t, other, upload, true)
			if w.Size() != int64(len(content)) {
				t.Fatalf("%d of %d bytes kept", w.Size(), len(content))
			}
			must(t, w.Commit(t.Context()))
			must(t, w.Close())
			must(t, other.Move(t.Context(), upload, blobPathOf(content)))
			must(t, other.Delete(t.Context(), uploadDir))
			mustHave(t, d, blobPathOf(content), content)
			must(t, d.Delete(t.Context(), blobPathOf(content)))
			b.mustBeEmpty()
		}
	}
}

// childPush is what a process does that is to be killed: TestMain runs it.
const childPush = "REGSTORE_TEST_CHILD"

func runChild(config string) error {
	ctx := context.Background()
	d, err := FromParameters(ctx, map[string]any{
		"config": config, "location": "s3", "plugin_dir": os.Getenv("REGSTORE_BUILD") + "/plugin"})
	if err != nil {
		return err
	}
	w, err := d.Writer(ctx, upload, true)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, os.Stdin); err != nil {
		return err
	}
	return w.Close()
}

func TestMain(m *testing.M) {
	if config := os.Getenv(childPush); config != "" {
		if err := runChild(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killed runs a process that appends content to the upload, and kills it as soon as the store holds
// something whose name has a part like this.
func killed(t *testing.T, b *backend, content []byte, sign string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childPush+"="+b.config)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	must(t, err)
	must(t, child.Start())
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = in.Write(content) // the pipe breaks when the child is killed
		if sign != "unfinished: " {
			_ = in.Close()
		}
	}()
	for !slices.ContainsFunc(b.left(), func(key string) bool { return strings.HasPrefix(key, sign) }) {
		time.Sleep(10 * time.Millisecond)
	}
	must(t, child.Process.Kill())
	_ = child.Wait() // killed
	<-written
}

func TestKilledInTheFirstPatch(t *testing.T) {
	b := newFake(t)
	killed(t, b, randomBytes(20<<20), "unfinished: ")
	if !slices.ContainsFunc(b.left(), isSidecar) {
		t.Fatalf("nothing names what was begun: %q", b.left())
	}
	d := b.driver()
	w := open(t, d, upload, true)
	if w.Size() != 0 {
		t.Fatalf("the client was told of nothing, and %d bytes are there", w.Size())
	}
	content := randomBytes(12 << 20)
	write(t, w, content)
	must(t, w.Commit(t.Context()))
	must(t, w.Close())
	must(t, d.Move(t.Context(), upload, blobPathOf(content)))
	must(t, d.Delete(t.Context(), uploadDir))
	mustHave(t, d, blobPathOf(content), content)
	must(t, d.Delete(t.Context(), blobPathOf(content)))
	b.mustBeEmpty()
	killed(t, b, randomBytes(20<<20), "unfinished: ")
	must(t, b.driver().Delete(t.Context(), uploadDir))
	b.mustBeEmpty()
}

// The tail is parked, its token is lost with the process: the token before goes on.
func TestKilledBetweenSuspendAndSidecar(t *testing.T) {
	b := newFake(t)
	for _, size := range sizes {
		first, second := randomBytes(size), randomBytes(2<<20)
		w := open(t, b.driver(), upload, false)
		write(t, w, first)
		must(t, w.Close())
		before := b.left()
		// The first PUT of a sidecar is the one before anything is sent, if there was none of the
		// plugin's before.
		skip := "0"
		if size <= smallMost {
			skip = "1"
		}
		b.fault("op", "PutObject", "key", "*~upload", "skip", skip, "times", "0", "do", "stall", "ms", heldFor)
		parked := "uploads/"
		for _, key := range before {
			if strings.HasSuffix(key, ".0") {
				parked = strings.TrimSuffix(key, ".0") + ".1"
			}
		}
		killed(t, b, second, parked)
		b.noFaults()
		d := b.driver()
		w = open(t, d, upload, true)
		if w.Size() != int64(size) {
			t.Fatalf("the client was told of %d bytes, and %d are there", size, w.Size())
		}
		write(t, w, second)
		must(t, w.Commit(t.Context()))
		must(t, w.Close())
		whole := append(first, second...)
		must(t, d.Move(t.Context(), upload, blobPathOf(whole)))
		must(t, d.Delete(t.Context(), uploadDir))
		mustHave(t, d, blobPathOf(whole), whole)
		must(t, d.Delete(t.Context(), blobPathOf(whole)))
		b.mustBeEmpty()
	}
}
