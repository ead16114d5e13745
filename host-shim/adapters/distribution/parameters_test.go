// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettingsInTheRegistrysConfiguration(t *testing.T) {
	root := t.TempDir()
	d, err := FromParameters(t.Context(), map[string]any{
		"plugin": "LocalStorage", "plugin_dir": filepath.Join(builtAt(t), "plugin"), "storage_path": root})
	must(t, err)
	must(t, d.PutContent(t.Context(), "/a/b", []byte("content")))
	got, err := os.ReadFile(filepath.Join(root, "a/b"))
	must(t, err)
	if string(got) != "content" {
		t.Fatalf("%q", got)
	}
}

// The environment may hold a secret, under the location's name.
func TestSecretOfTheEnvironment(t *testing.T) {
	b := newFake(t)
	parameters := map[string]any{
		"plugin":              "STSS3Storage",
		"plugin_dir":          filepath.Join(builtAt(t), "plugin"),
		"storage_path":        "/" + storagePath,
		"s3_bucket":           b.bucket.name,
		"sts_role_arn":        "arn:aws:iam::123492922789:role/example-role",
		"sts_user_access_key": b.bucket.key,
		"endpoint_url":        b.endpoint,
		"sts_endpoint_url":    b.endpoint,
	}
	if _, err := FromParameters(t.Context(), parameters); err == nil || !strings.Contains(err.Error(), "sts_user_secret_key") {
		t.Fatalf("without the secret: %v", err)
	}
	t.Setenv("REGSTORE_DEFAULT_STS_USER_SECRET_KEY", b.bucket.secret)
	d, err := FromParameters(t.Context(), parameters)
	must(t, err)
	must(t, d.PutContent(t.Context(), "/file", nil))
}

// Each refusal names what to change.
func TestParametersThatAreRefused(t *testing.T) {
	dir := filepath.Join(builtAt(t), "plugin")
	for want, parameters := range map[string]map[string]any{
		"say which plugin":                {},
		"no Missing.so":                   {"plugin": "Missing"},
		"storage_path":                    {"plugin": "LocalStorage"},
		"'storage_paht'":                  {"plugin": "LocalStorage", "storage_path": "/tmp", "storage_paht": "/tmp"},
		"storage_path: is no text":        {"plugin": "LocalStorage", "storage_path": []any{"/tmp"}},
		"plugin: the location":            {"plugin": "LocalStorage", "config": "/config.yaml"},
		"storage_path: settings stand in": {"storage_path": "/tmp", "config": "/config.yaml"},
		"/config.yaml":                    {"config": "/config.yaml"},
		"maxthreads":                      {"plugin": "LocalStorage", "storage_path": "/tmp", "maxthreads": "many"},
	} {
		parameters["plugin_dir"] = dir
		if _, err := FromParameters(t.Context(), parameters); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
