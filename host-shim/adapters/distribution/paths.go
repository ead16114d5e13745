// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"regexp"
	"strings"

	"regstore/adapters/distribution/internal/plugin"
)

// The places in the registry's layout where the driver does better than the interface asks for.
// Every other path is treated as the interface says.
const (
	layoutRoot   = `^/docker/registry/v2`
	uploadFolder = `(` + layoutRoot + `/repositories/.+/_uploads/[0-9a-f-]{36})`
)

var (
	uploadPath = regexp.MustCompile(uploadFolder + `/data$`)
	startPath  = regexp.MustCompile(uploadFolder + `/startedat$`)
	statePath  = regexp.MustCompile(uploadFolder + `/hashstates/[a-z0-9]+/[0-9]+$`)
	statesPath = regexp.MustCompile(uploadFolder + `/hashstates/[a-z0-9]+$`)
	blobPath   = regexp.MustCompile(layoutRoot + `/blobs/([a-z0-9]+)/([0-9a-f]{2})/([0-9a-f]{64,128})/data$`)
)

func keyOf(path string) string { return strings.TrimPrefix(path, "/") }

func pathOf(key string) string { return "/" + key }

// below is the prefix of all keys in the folder at path.
func below(path string) string {
	if path == "/" {
		return ""
	}
	return keyOf(path) + "/"
}

// folderOf gives the upload's folder when the pattern, one of the above, matches.
func folderOf(pattern *regexp.Regexp, path string) (string, bool) {
	if match := pattern.FindStringSubmatch(path); match != nil {
		return match[1], true
	}
	return "", false
}

// digestOf is the digest that a blob's path demands of its bytes; "" for another path, and for an
// algorithm that uploads do not keep.
func digestOf(path string) string {
	match := blobPath.FindStringSubmatch(path)
	if match == nil || match[1] != "sha256" || len(match[3]) != 64 {
		return ""
	}
	return match[1] + ":" + match[3]
}

// isFile tells that nothing but a file can be at path, so that there is no folder to look for.
func isFile(path string) bool {
	return uploadPath.MatchString(path) || blobPath.MatchString(path)
}

// isKey is the plugins' rule (KEY-1), which is stricter than distribution's: no "." and "..", and
// not too long.
func isKey(path string) bool {
	if len(path) > plugin.KeyMax {
		return false
	}
	for part := range strings.SplitSeq(keyOf(path), "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
