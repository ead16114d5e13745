# SPDX-License-Identifier: Apache-2.0
"""What a storage driver inherits: Quay's own BaseStorageV2 inside of Quay, elsewhere the few
methods of it that have a body, so that the driver can be tried out and tested alone."""
import tempfile

try:
    from storage.basestorage import BaseStorageV2
except ImportError:

    class BaseStorageV2:
        """Stands in for Quay's."""

        shared_images = "sharedimages"

        def __init__(self):
            self.buffer_size = 1 << 20

        @staticmethod
        def temp_store_handler():
            file = tempfile.TemporaryFile()
            return file, file.write

        def _image_path(self, storage_uuid):
            return f"{self.shared_images}/{storage_uuid}/"

        def v1_image_layer_path(self, storage_uuid):
            return self._image_path(storage_uuid) + "layer"

        def blob_path(self, digest_str):
            algorithm, digest = digest_str.split(":", 1)
            folder = algorithm.replace("+", "/").replace(".", "/")
            return f"{folder}/{digest[:2].zfill(2)}/{digest}"

        def stream_write_to_fp(self, in_fp, out_fp, num_bytes=-1):
            copied = 0
            while num_bytes < 0 or copied < num_bytes:
                rest = self.buffer_size if num_bytes < 0 else num_bytes - copied
                data = in_fp.read(min(rest, self.buffer_size))
                if not data:
                    break
                out_fp.write(data)
                copied += len(data)
            return copied
