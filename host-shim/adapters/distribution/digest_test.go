// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	_ "crypto/sha512"

	"github.com/opencontainers/go-digest"
)

func digestFrom(sum []byte) digest.Digest { return digest.NewDigestFromBytes(digest.SHA256, sum) }

func sha512Of(content []byte) string { return digest.SHA512.FromBytes(content).String() }
