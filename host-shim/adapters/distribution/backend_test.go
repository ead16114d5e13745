// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"regstore/adapters/distribution/internal/plugin"
)

// backend is a store to test on. All its drivers share one root, as replicas do.
type backend struct {
	t        *testing.T
	config   string
	location string
	endpoint string // of the fake server, with its control door; else ""
	root     string // of LocalStorage; else ""
}

// builtAt is the meson build folder, which build.sh tells.
func builtAt(t *testing.T) string {
	t.Helper()
	build := os.Getenv("REGSTORE_BUILD")
	if build == "" {
		t.Fatal("REGSTORE_BUILD: not set; run the tests with build.sh")
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
	// The server writes env last, whole.
	for {
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
	return &backend{t: t, config: filepath.Join(dir, "config.yaml"), location: "s3", endpoint: env["FAKE_S3_ENDPOINT"]}
}

// newRGW is the server that tests/rgw/rgw-up.sh has brought up in the folder REGSTORE_RGW.
func newRGW(t *testing.T) *backend {
	t.Helper()
	dir := os.Getenv("REGSTORE_RGW")
	if dir == "" {
		t.Skip("REGSTORE_RGW does not name the folder of tests/rgw/rgw-up.sh")
	}
	return &backend{t: t, config: filepath.Join(dir, "config.yaml"), location: "s3"}
}

// driver is a new one on the same store, as another process would have.
func (b *backend) driver() *Driver {
	b.t.Helper()
	d, err := FromParameters(b.t.Context(), map[string]any{
		"config":     b.config,
		"location":   b.location,
		"plugin_dir": filepath.Join(builtAt(b.t), "plugin"),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// keys are all that the store has, seen without the driver: what is staged under uploads/ as well.
func (b *backend) keys() []string {
	b.t.Helper()
	store := b.driver().StorageDriver.(*driver).store
	var keys []string
	for _, prefix := range []string{"", "uploads/"} {
		list, err := store.OpenList(b.t.Context(), plugin.ListOptions{Prefix: prefix})
		if err != nil {
			b.t.Fatal(err)
		}
		defer list.Close()
		for {
			key, _, err := list.Next(b.t.Context())
			if err != nil {
				b.t.Fatal(err)
			}
			if key == "" {
				break
			}
			keys = append(keys, key)
		}
	}
	return keys
}

// counts are the fake server's, since the last call.
func (b *backend) counts() map[string]int {
	b.t.Helper()
	counts := map[string]int{}
	lines := bufio.NewScanner(strings.NewReader(b.control(http.MethodGet, "counts")))
	for lines.Scan() {
		name, number, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			b.t.Fatalf("counts: %q", lines.Text())
		}
		counts[name] = n
	}
	b.control(http.MethodDelete, "counts")
	return counts
}

func (b *backend) control(method, what string) string {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.endpoint+"/_fake/"+what, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode/100 != 2 {
		b.t.Fatalf("%s %s: %s %s %v", method, what, answer.Status, body, err)
	}
	return string(body)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readEnv(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[key] = value
	}
	return env
}

// backends runs a test on each that there is.
func backends(t *testing.T, test func(t *testing.T, b *backend)) {
	for name, open := range map[string]func(*testing.T) *backend{"local": newLocal, "fake": newFake, "rgw": newRGW} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}
