# SPDX-License-Identifier: Apache-2.0
"""The location that the tests of the adapter work on.

QUAY_TEST_LOCATION is a JSON list [DRIVER, SETTINGS] as in DISTRIBUTED_STORAGE_CONFIG; without it,
it is LocalStorage in a folder of its own. Every store that is asked for begins empty."""
import json
import os
import shutil
import tempfile
import uuid

import regstore_quay


class World:
    def __init__(self):
        given = os.environ.get("QUAY_TEST_LOCATION")
        self.folder = tempfile.mkdtemp(prefix="regstore-quay-")
        if given:
            self.driver, self.settings = json.loads(given)
        else:
            self.driver, self.settings = "LocalStorage", {"storage_path": self.folder}
        self.is_local = self.driver == "LocalStorage"

    def new_path(self):
        name = "test-" + uuid.uuid4().hex
        return os.path.join(self.folder if self.is_local else "/", name)

    def open(self, path, **more):
        settings = {**self.settings, "storage_path": path, **more}
        return regstore_quay.driver_class(self.driver)(None, **settings)

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)


WORLD = World()
