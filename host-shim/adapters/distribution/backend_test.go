// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// backend is a store to test on. All its drivers share one root, as replicas do.
type backend struct {
	t        *testing.T
	config   string
	location string
	root     string  // of LocalStorage; else ""
	bucket   *bucket // of S3; else nil
	endpoint string  // of the fake server, which has a door for tests; else ""
}

// backends runs a test on each that there is.
func backends(t *testing.T, test func(t *testing.T, b *backend)) {
	for name, open := range map[string]func(*testing.T) *backend{"local": newLocal, "fake": newFake, "rgw": newRGW} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// builtAt is the meson build folder, which build.sh tells.
func builtAt(t *testing.T) string {
	t.Helper()
	build := os.Getenv("REGSTORE_BUILD")
	if build == "" {
		t.Fatal("REGSTORE_BUILD is not set: run the tests with build.sh")
	}
	return build
}

func newLocal(t *testing.T) *backend {
	t.Helper()
	dir := t.TempDir()
	b := &backend{t: t, config: filepath.Join(dir, "config.yaml"), location: "files", root: filepath.Join(dir, "store")}
	writeFile(t, b.config, "DISTRIBUTED_STORAGE_CONFIG:\n  files:\n    - LocalStorage\n    - storage_path: "+b.root+"\n")
	if err := os.Mkdir(b.root, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// newFake brings up the project's own S3 server, which ends with the test.
func newFake(t *testing.T) *backend {
	t.Helper()
	dir := t.TempDir()
	server := exec.Command(filepath.Join(builtAt(t), "tests/fake-s3/regstore-fake-s3"),
		"--dir", dir, "--spool", dir, "--control", "--owner", strconv.Itoa(os.Getpid()))
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Kill()
		<-ended
	})
	for { // the server writes env last, whole
		if _, err := os.Stat(filepath.Join(dir, "env")); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the server did not come up: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	env := readEnv(t, filepath.Join(dir, "env"))
	return &backend{
		t:        t,
		config:   filepath.Join(dir, "config.yaml"),
		location: "s3",
		bucket:   newBucket(t, env, "FAKE_S3_"),
		endpoint: env["FAKE_S3_ENDPOINT"],
	}
}

// newRGW is the server that tests/rgw/rgw-up.sh has brought up in the folder REGSTORE_RGW.
func newRGW(t *testing.T) *backend {
	t.Helper()
	dir := os.Getenv("REGSTORE_RGW")
	if dir == "" {
		t.Skip("REGSTORE_RGW does not name the folder of tests/rgw/rgw-up.sh")
	}
	env := readEnv(t, filepath.Join(dir, "env"))
	b := &backend{t: t, config: filepath.Join(dir, "config.yaml"), location: "s3", bucket: newBucket(t, env, "RGW_")}
	b.bucket.empty(t) // the only bucket that tests share
	return b
}

// parameters are what a registry's configuration would say.
func (b *backend) parameters() map[string]any {
	return map[string]any{
		"config":     b.config,
		"location":   b.location,
		"plugin_dir": filepath.Join(builtAt(b.t), "plugin"),
	}
}

// driver is a new one on the same store, as another process would have.
func (b *backend) driver() *Driver {
	b.t.Helper()
	d, err := FromParameters(b.t.Context(), b.parameters())
	must(b.t, err)
	return d
}

// left is all that the store holds, unfinished uploads included, seen without plugin and driver.
func (b *backend) left() []string {
	b.t.Helper()
	if b.bucket != nil {
		return append(b.bucket.keys(b.t), b.bucket.unfinished(b.t)...)
	}
	var found []string
	must(b.t, filepath.WalkDir(b.root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, "/uploads/.lock") {
			found = append(found, strings.TrimPrefix(path, b.root+"/"))
		}
		return err
	}))
	return found
}

// mustBeEmpty is the last claim of many tests.
func (b *backend) mustBeEmpty() {
	b.t.Helper()
	if left := b.left(); len(left) > 0 {
		b.t.Fatalf("left behind: %q", left)
	}
}

// counts are the fake server's requests by operation, since the last call.
func (b *backend) counts() map[string]int {
	b.t.Helper()
	counts := map[string]int{}
	for line := range strings.Lines(b.door(http.MethodGet, "counts", nil)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		must(b.t, err)
		counts[name] = n
	}
	b.door(http.MethodDelete, "counts", nil)
	return counts
}

// fault makes the fake server misbehave: tests/fake-s3/faults.h has the words.
func (b *backend) fault(words ...string) {
	b.t.Helper()
	rule := url.Values{}
	for i := 0; i < len(words); i += 2 {
		rule.Set(words[i], words[i+1])
	}
	b.door(http.MethodPost, "fault", rule)
}

func (b *backend) noFaults() { b.door(http.MethodDelete, "fault", nil) }

func (b *backend) door(method, what string, query url.Values) string {
	b.t.Helper()
	request, err := http.NewRequest(method, b.endpoint+"/_fake/"+what+"?"+query.Encode(), nil)
	must(b.t, err)
	answer, err := http.DefaultClient.Do(request)
	must(b.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(b.t, err)
	if answer.StatusCode/100 != 2 {
		b.t.Fatalf("%s %s: %s %s", method, request.URL, answer.Status, body)
	}
	return string(body)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func readEnv(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[key] = value
	}
	return env
}
