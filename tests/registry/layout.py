#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What umoci does not make: OCI layouts with one large layer, an empty one, an index.

    layout.py large FOLDER MIB    one layer of MIB mebibytes that does not compress
    layout.py empty FOLDER        a layer of no bytes beside one that has some
    layout.py index FOLDER        two images for two architectures under one index
    layout.py keys REPOSITORY TAG FOLDER
                                  the keys under which a registry holds that image

The same arguments give the same bytes each time.  An image is called v1.
"""
import hashlib
import json
import os
import pathlib
import random
import sys
import tarfile

OCI = "application/vnd.oci.image."
ROOT = "docker/registry/v2/"


class Layout:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.blobs = self.folder / "blobs" / "sha256"

    def begin(self):
        self.blobs.mkdir(parents=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def add(self, media_type, pieces):
        """A blob of the pieces; its descriptor."""
        draft = self.folder / "draft"
        digest = hashlib.sha256()
        size = 0
        with open(draft, "wb") as file:
            for piece in pieces:
                digest.update(piece)
                size += file.write(piece)
        os.rename(draft, self.blobs / digest.hexdigest())
        return {"mediaType": OCI + media_type, "digest": "sha256:" + digest.hexdigest(),
                "size": size}

    def add_json(self, media_type, value):
        return self.add(media_type, [json.dumps(value).encode()])

    def add_image(self, architecture, layers):
        config = self.add_json("config.v1+json", {
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/srv/file"]},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}})
        return self.add_json("manifest.v1+json", {
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config,
            "layers": layers})

    def end(self, descriptor):
        named = dict(descriptor, annotations={"org.opencontainers.image.ref.name": "v1"})
        (self.folder / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": [named]}))

    def named(self, ref):
        for manifest in json.loads((self.folder / "index.json").read_text())["manifests"]:
            if manifest.get("annotations", {}).get("org.opencontainers.image.ref.name") == ref:
                return manifest
        raise SystemExit(f"{self.folder} has no {ref}")

    def read(self, descriptor):
        return json.loads((self.blobs / descriptor["digest"][len("sha256:"):]).read_text())


def tar_of(name, size, seed):
    """An uncompressed tar of one file of noise, in pieces."""
    head = tarfile.TarInfo(name)
    head.size = size
    head.mode = 0o644
    yield head.tobuf()
    noise = random.Random(seed)
    left = size
    while left > 0:
        piece = noise.randbytes(min(left, 1 << 20))
        left -= len(piece)
        yield piece
    yield bytes(-size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)


def small_layer(layout, name, seed):
    return layout.add("layer.v1.tar", tar_of(name, 3000 + seed, seed))


def large(layout, mib):
    layer = layout.add("layer.v1.tar", tar_of("srv/large", int(mib) << 20, 1))
    layout.end(layout.add_image("amd64", [layer]))


def empty(layout):
    layers = [small_layer(layout, "srv/file", 2), layout.add("layer.v1.tar", [])]
    layout.end(layout.add_image("amd64", layers))


def index(layout):
    manifests = []
    for seed, architecture in enumerate(["amd64", "arm64"], 3):
        layers = [small_layer(layout, "srv/both", 5), small_layer(layout, "srv/file", seed)]
        manifest = layout.add_image(architecture, layers)
        manifests.append(dict(manifest, platform={"architecture": architecture, "os": "linux"}))
    layout.end(layout.add_json("index.v1+json", {
        "schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": manifests}))


def blob_key(digest):
    digest = digest[len("sha256:"):]
    return f"{ROOT}blobs/sha256/{digest[:2]}/{digest}/data"


def manifest_keys(layout, repository, descriptor):
    """The keys of a manifest and of all that it names."""
    folder = f"{ROOT}repositories/{repository}/"
    digest = descriptor["digest"][len("sha256:"):]
    keys = {blob_key(descriptor["digest"]), f"{folder}_manifests/revisions/sha256/{digest}/link"}
    manifest = layout.read(descriptor)
    for below in manifest.get("manifests", []):
        keys |= manifest_keys(layout, repository, below)
    for below in manifest.get("layers", []) + [manifest.get("config")] * ("config" in manifest):
        keys.add(blob_key(below["digest"]))
        keys.add(f"{folder}_layers/sha256/{below['digest'][len('sha256:'):]}/link")
    return keys


def print_keys(repository, tag, folder):
    layout = Layout(folder)
    image = layout.named("v1")
    keys = manifest_keys(layout, repository, image)
    name = image["digest"].replace(":", "/")
    tags = f"{ROOT}repositories/{repository}/_manifests/tags/{tag}/"
    keys |= {tags + "current/link", f"{tags}index/{name}/link"}
    print("\n".join(sorted(keys)))


def main():
    verb, *arguments = sys.argv[1:]
    if verb == "keys":
        print_keys(*arguments)
        return
    layout = Layout(arguments[0])
    layout.begin()
    {"large": large, "empty": empty, "index": index}[verb](layout, *arguments[1:])


if __name__ == "__main__":
    main()
