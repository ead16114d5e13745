// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	storagedriver "github.com/distribution/distribution/v3/registry/storage/driver"
)

// tree is a random one whose names begin alike and sort around "/": what a list by prefix mixes up.
func tree(random *rand.Rand) []string {
	names := []string{"a", "a-", "a.", "a0", "a_", "ab", "b", "a-b"}
	files := map[string]bool{}
	for range 30 {
		var parts []string
		for range random.IntN(4) + 1 {
			parts = append(parts, names[random.IntN(len(names))])
		}
		files["/"+strings.Join(parts, "/")] = true
	}
	var found []string
	for file := range files {
		// A file that is another's folder is portable nowhere (KEY-3).
		isFolder := false
		for other := range files {
			isFolder = isFolder || strings.HasPrefix(other, file+"/")
		}
		if !isFolder {
			found = append(found, file)
		}
	}
	slices.Sort(found)
	return found
}

func foldersOf(files []string) []string {
	found := map[string]bool{}
	for _, file := range files {
		for dir := path.Dir(file); dir != "/"; dir = path.Dir(dir) {
			found[dir] = true
		}
	}
	var list []string
	for dir := range found {
		list = append(list, dir)
	}
	slices.Sort(list)
	return list
}

func plant(t *testing.T, d *Driver, files []string) {
	t.Helper()
	for _, file := range files {
		must(t, d.PutContent(t.Context(), file, []byte(file)))
	}
}

func isWithin(path, folder string) bool {
	return folder == "/" || path == folder || strings.HasPrefix(path, folder+"/")
}

// expectedWalk is the definition: by whole keys, folders before what is in them, nothing up to the
// hint, nothing in what is skipped.
func expectedWalk(files []string, from, hint string, skip map[string]bool) []string {
	var seen []string
	for _, file := range files {
		if !isWithin(file, from) || file == from || (hint != "" && file <= hint) {
			continue
		}
		var above []string
		for dir := path.Dir(file); dir != "/" && dir != from && isWithin(dir, from); dir = path.Dir(dir) {
			above = append([]string{dir}, above...)
		}
		isSkipped := false
		for _, dir := range above {
			if !slices.Contains(seen, dir) && !isWithin(hint, dir) {
				seen = append(seen, dir)
			}
			if skip[dir] && !isWithin(hint, dir) {
				isSkipped = true
				break
			}
		}
		if !isSkipped {
			seen = append(seen, file)
		}
	}
	return seen
}

func TestWalkIsWhatItIsDefinedToBe(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		random := rand.New(rand.NewPCG(5, 6))
		for range 5 {
			files := tree(random)
			plant(t, d, files)
			folders := foldersOf(files)
			for _, from := range append([]string{"/"}, folders...) {
				for range 10 {
					hint := ""
					skip := map[string]bool{}
					switch all := append(slices.Clone(files), folders...); random.IntN(3) {
					case 0:
						hint = all[random.IntN(len(all))]
					case 1:
						skip[folders[random.IntN(len(folders))]] = true
						skip[folders[random.IntN(len(folders))]] = true
					}
					want := expectedWalk(files, from, hint, skip)
					stop := random.IntN(len(want) + 2)
					var got []string
					must(t, d.Walk(t.Context(), from, func(info storagedriver.FileInfo) error {
						if info.IsDir() != slices.Contains(folders, info.Path()) {
							t.Fatalf("%s: is a folder: %t", info.Path(), info.IsDir())
						}
						if !info.IsDir() && info.Size() != int64(len(info.Path())) {
							t.Fatalf("%s: size %d", info.Path(), info.Size())
						}
						got = append(got, info.Path())
						switch {
						case len(got) == stop:
							return storagedriver.ErrFilledBuffer
						case skip[info.Path()]:
							return storagedriver.ErrSkipDir
						}
						return nil
					}, storagedriver.WithStartAfterHint(hint)))
					if stop > 0 && stop < len(want) {
						want = want[:stop]
					}
					if !slices.Equal(got, want) {
						t.Fatalf("from %s, hint %q, skip %v, of %q:\ngot  %q\nwant %q", from, hint, skip, files, got, want)
					}
				}
			}
			for _, first := range files {
				_ = d.Delete(t.Context(), "/"+strings.Split(first, "/")[1]) // perhaps gone with another
			}
			b.mustBeEmpty()
		}
	})
}

func TestWalkGivesTheVisitorsError(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		plant(t, d, []string{"/a/b/c"})
		why := errors.New("the visitor's own")
		for _, at := range []string{"/a", "/a/b", "/a/b/c"} {
			err := d.Walk(t.Context(), "/", func(info storagedriver.FileInfo) error {
				if info.Path() == at {
					return why
				}
				return nil
			})
			if !errors.Is(unwrapped(err), why) {
				t.Fatalf("at %s: %v", at, err)
			}
		}
	})
}

// A folder that is skipped may be larger than what is read over.
func TestWalkSkipsAFolderOfManyKeys(t *testing.T) {
	b := newLocal(t)
	d := b.driver()
	for i := range 2*skipMost + 1 {
		must(t, d.PutContent(t.Context(), fmt.Sprintf("/a/many/%05d", i), nil))
	}
	plant(t, d, []string{"/a/last", "/a/one", "/b"})
	var seen []string
	must(t, d.Walk(t.Context(), "/", func(info storagedriver.FileInfo) error {
		seen = append(seen, info.Path())
		if info.Path() == "/a/many" {
			return storagedriver.ErrSkipDir
		}
		return nil
	}))
	if !slices.Equal(seen, []string{"/a", "/a/last", "/a/many", "/a/one", "/b"}) {
		t.Fatalf("%q", seen)
	}
}

// Each file and each folder of a tree is deleted in turn, and nothing else goes with it; the same
// tree answers Stat and List.
func TestDeleteStatAndListOfATree(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		random := rand.New(rand.NewPCG(7, 8))
		for range 3 {
			files := tree(random)
			plant(t, d, files)
			for len(files) > 0 {
				folders := foldersOf(files)
				for _, dir := range folders {
					info, err := d.Stat(t.Context(), dir)
					must(t, err)
					if !info.IsDir() {
						t.Fatalf("%s is no folder", dir)
					}
				}
				dir := append([]string{"/"}, folders...)[random.IntN(len(folders)+1)]
				var want []string
				for _, entry := range append(slices.Clone(files), folders...) {
					if path.Dir(entry) == dir {
						want = append(want, entry)
					}
				}
				got, err := d.List(t.Context(), dir)
				must(t, err)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("%s: %q, not %q", dir, got, want)
				}
				all := append(slices.Clone(files), folders...)
				target := all[random.IntN(len(all))]
				must(t, d.Delete(t.Context(), target))
				files = slices.DeleteFunc(files, func(file string) bool { return isWithin(file, target) })
				left := b.left()
				slices.Sort(left)
				var keys []string
				for _, file := range files {
					keys = append(keys, keyOf(file))
				}
				if !slices.Equal(left, keys) {
					t.Fatalf("%s was deleted: %q are left, not %q", target, left, keys)
				}
				if err := d.Delete(t.Context(), target); !errors.As(err, &storagedriver.PathNotFoundError{}) {
					t.Fatalf("deleted twice: %v", err)
				}
			}
		}
	})
}

func TestDeleteOfMoreThanOneBatch(t *testing.T) {
	b := newFake(t)
	d := b.driver()
	for i := range deleteBatch + 5 {
		must(t, d.PutContent(t.Context(), fmt.Sprintf("/a/%05d", i), nil))
	}
	plant(t, d, []string{"/a-", "/ab"})
	must(t, d.Delete(t.Context(), "/a"))
	if left := b.left(); !slices.Equal(left, []string{"a-", "ab"}) {
		t.Fatalf("%q", left)
	}
}

// What distribution's pattern lets through and the plugins' rule does not.
func TestPathsThatAreNoKeys(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		d := b.driver()
		for _, path := range []string{"/.", "/..", "/a/../b", "/./a", "/a/.", "/" + strings.Repeat("a", 1024)} {
			_, stat := d.Stat(t.Context(), path)
			_, get := d.GetContent(t.Context(), path)
			_, writer := d.Writer(t.Context(), path, false)
			for _, err := range []error{d.PutContent(t.Context(), path, nil), stat, get, writer} {
				if !errors.As(err, &storagedriver.InvalidPathError{}) {
					t.Fatalf("%.20s: %T %v", path, err, err)
				}
			}
		}
		b.mustBeEmpty()
	})
}
