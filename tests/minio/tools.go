// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools keeps MinIO's server, which tests run and nothing links, in go.mod with its version.
package tools

import _ "github.com/minio/minio"
