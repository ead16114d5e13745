# SPDX-License-Identifier: Apache-2.0
"""Quay's storage over any regstore plugin. In Quay's storage/__init__.py, below the dictionary:

    import regstore_quay
    STORAGE_DRIVER_CLASSES.update(regstore_quay.driver_classes("STSS3Storage", "LocalStorage"))
"""
from .errors import BlobNotFound, RegstoreError
from .storage import RegstoreStorage, driver_class, driver_classes

__all__ = ["BlobNotFound", "RegstoreError", "RegstoreStorage", "driver_class", "driver_classes"]
