// SPDX-License-Identifier: Apache-2.0

package regstore

import "context"

// Move of an upload that was just committed is that commit. Any other is a copy and a delete, as no
// object store has better: a crash between the two leaves both.
func (d *driver) Move(ctx context.Context, from, to string) error {
	if done, err := d.commits.move(ctx, from, to); done {
		return pathError(from, err)
	}
	if err := d.store.Copy(ctx, keyOf(from), keyOf(to)); err != nil {
		return pathError(from, err)
	}
	if from == to {
		return nil
	}
	return d.store.Delete(ctx, keyOf(from))
}
