// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"bytes"
	"context"
	"io"

	"regstore/adapters/distribution/internal/plugin"
)

// largestGuess bounds what is allocated on the word of a length alone.
const largestGuess = 64 << 20

func (d *driver) GetContent(ctx context.Context, path string) ([]byte, error) {
	if folder, ok := folderOf(statePath, path); ok {
		return d.getState(ctx, folder, path)
	}
	if err := d.commits.show(ctx, path); err != nil {
		return nil, err
	}
	content, err := d.get(ctx, keyOf(path))
	return content, pathError(path, err)
}

// PutContent is one request on S3.
func (d *driver) PutContent(ctx context.Context, path string, content []byte) error {
	if folder, ok := folderOf(statePath, path); ok {
		return pathError(path, d.putState(ctx, folder, path, content))
	}
	if err := d.put(ctx, keyOf(path), "", content); err != nil {
		return pathError(path, err)
	}
	if folder, ok := folderOf(startPath, path); ok {
		d.folders.begin(folder)
	}
	return nil
}

func (d *driver) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if err := d.commits.show(ctx, path); err != nil {
		return nil, err
	}
	r, err := d.store.OpenReader(ctx, keyOf(path), offset)
	if err != nil {
		return nil, pathError(path, err)
	}
	return r, nil
}

func (d *driver) get(ctx context.Context, key string) ([]byte, error) {
	r, err := d.store.OpenReader(ctx, key, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content := bytes.NewBuffer(make([]byte, 0, min(r.Length(), largestGuess)+bytes.MinRead))
	if _, err := content.ReadFrom(r); err != nil {
		return nil, err
	}
	return content.Bytes(), nil
}

// put stores the parts as one content at key, once it is seen to have the digest, where there is
// one.
func (d *driver) put(ctx context.Context, key, digest string, parts ...[]byte) error {
	var length int
	for _, part := range parts {
		length += len(part)
	}
	u, err := d.store.OpenUpload(ctx, plugin.UploadOptions{
		Key:            key,
		ContentType:    contentType,
		ExpectedLength: int64(length),
		Verified:       digest != "",
	})
	if err != nil {
		return err
	}
	defer u.Close()
	for _, part := range parts {
		if err == nil {
			err = u.Write(ctx, part)
		}
	}
	if err == nil {
		_, err = u.Commit(ctx, "", digest)
	}
	if err != nil {
		// The caller's time may be over: what a large content has sent must go all the same.
		_ = u.Abort(context.WithoutCancel(ctx)) // left to purge, and the first error tells more
	}
	return err
}
