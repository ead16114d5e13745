#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: uploads.py VERB KEYS REGISTRY...

hop     uploads go back and forth between two registries that know nothing of each other
wrong   digests that are not the content's
leave   clients that leave in the middle of a PATCH, and go on

Prints what it has seen; adds to the file KEYS where the blobs must lie now."""
import hashlib
import itertools
import sys

from client import Upload, blob_keys, digest_of, eventually, fetch, has, noise

MIB = 1 << 20
# On both sides of what is a part of a multipart upload.
EDGES = [0, 1, 100, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 11 * MIB + 7]


def check_there(registries, repository, content):
    digest = digest_of(content)
    for registry in registries:
        assert has(registry, repository, digest), f"{registry} has no {digest}"
        answer = fetch(registry, repository, digest)
        assert answer.status == 200 and answer.body == content, f"other bytes from {registry}"
    return blob_keys(repository, digest)


def push(registries, chunks, seed, last_in_put):
    """POST, each chunk and PUT go to the registries in turn."""
    turn = itertools.cycle(registries)
    contents = [noise(size, f"{seed} {number}") for number, size in enumerate(chunks)]
    whole = b"".join(contents)
    upload = Upload(next(turn), "hop")
    rest = contents.pop() if last_in_put else b""
    sent = 0
    for content in contents:
        registry = next(turn)
        answer = upload.patch(registry, content, sent if content else None)
        assert answer.status == 202, answer
        sent += len(content)
        assert answer.headers["Range"] == f"0-{max(sent - 1, 0)}", (answer, sent)
    answer = upload.put(next(turn), digest_of(whole), rest)
    assert answer.status == 201, (chunks, answer)
    return check_there(registries, "hop", whole)


def hop(registries):
    keys = push(registries, [3 * MIB, 7 * MIB], "first", False)
    print("ok - POST at A, PATCH at B, PATCH at A, PUT at B")
    count = 0
    for first, second in itertools.product(EDGES, EDGES):
        keys += push(registries, [first, second], count, count % 3 == 0)
        count += 1
    keys += push(registries, [1000] * 30, "thirty", True)
    print(f"ok - {count} uploads in two chunks of sizes about a part's, and one of thirty chunks")
    return keys


def wrong(registries):
    registry = registries[0]
    for size in EDGES:
        content = noise(size, f"wrong {size}")
        other = "sha256:" + hashlib.sha256(content + b"?").hexdigest()
        for in_put in (False, True):
            upload = Upload(registry, "wrong")
            if not in_put:
                assert upload.patch(registry, content).status == 202
            answer = upload.put(registry, other, content if in_put else b"")
            assert answer.status == 400 and b"DIGEST_INVALID" in answer.body, answer
            assert not has(registry, "wrong", other) and not has(registry, "wrong",
                                                                 digest_of(content))
    print(f"ok - {2 * len(EDGES)} uploads with a wrong digest at PUT are refused")
    for size in EDGES:
        upload = Upload(registry, "wrong")
        assert upload.patch(registry, noise(size, "cancelled")).status == 202
        answer = upload.cancel(registry)
        assert answer.status == 204, answer
    print(f"ok - {len(EDGES)} uploads are cancelled by their client")
    return []


def leave(registries):
    keys = []
    for size, end in itertools.product([100, 5 * MIB + 1, 23 * MIB], ("hang_up", "reset")):
        keys += leave_once(registries[0], size, end)
    print("ok - clients leave in the middle of a PATCH, in an orderly way and by a reset, and go on "
          "from the offset that GET status tells")
    return keys


def leave_once(registry, size, end):
    content = noise(size, f"leave {size} {end}")
    before = content[:size // 3]
    upload = Upload(registry, "leave")
    assert upload.patch(registry, before).status == 202
    half = content[len(before):size // 2]
    connection = upload.leave_in_patch(registry, half, size - len(before))
    getattr(upload, end)(connection)

    # The registry may still be at it: until it says twice the same, and of a reset any byte may be lost.
    seen = [-1]

    def has_settled():
        seen.append(upload.offset(registry))
        return seen[-1] == seen[-2] and (end == "reset" or seen[-1] == size // 2)

    eventually(has_settled, f"an offset of {size // 2} after {end}; it was {seen}")
    offset = seen[-1]
    assert len(before) <= offset <= size // 2, (offset, size, end)
    answer = upload.patch(registry, content[offset:], offset)
    assert answer.status == 202, answer
    answer = upload.put(registry, digest_of(content))
    assert answer.status == 201, answer
    return check_there([registry], "leave", content)


def main():
    verb, keys, *registries = sys.argv[1:]
    found = {"hop": hop, "wrong": wrong, "leave": leave}[verb](registries)
    with open(keys, "a", encoding="utf-8") as file:
        file.writelines(key + "\n" for key in found)


if __name__ == "__main__":
    main()
