"""Objects of a bucket, as an actor has them."""

from __future__ import annotations

import hashlib
import json
import unittest
from typing import Any

import grow
from grow import _blob, _handlers, testing


class Bucket:
    """The other side of a grant: objects and parts in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.parts: dict[int, bytes] = {}
        self.asked: list[str] = []

    def info(self, key: str) -> dict[str, str]:
        data, revision = self.objects[key]
        return {"size": str(len(data)), "revision": revision, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "modified": "7"}

    def __call__(self, r: grow.Request) -> testing.Double:
        attrs = dict(r.attributes)
        self.asked.append(" ".join([r.op, *(f"{k}={attrs[k]}" for k in sorted(attrs))]))
        key = attrs.get("key", "")
        if r.op == "blob.list":
            keys = sorted(k for k in self.objects if k.startswith(attrs["prefix"]) and k > attrs["after"])[:2]
            return testing.Double(json.dumps([{"key": k, "size": len(self.objects[k][0]), "revision": self.objects[k][1], "damaged": k == "d"} for k in keys]))
        if r.op == "blob.put" and "part" in attrs:
            self.parts[int(attrs["part"])] = r.data
            return testing.Double(attributes={"upload": "u1"})
        have = self.objects.get(key, (b"", "0"))[1]
        if attrs.get("if_revision", have) != have:
            return testing.Double("another", code="conflict")
        if r.op == "blob.put":
            data = b"".join(self.parts[n + 1] for n in range(int(attrs["parts"]))) if "parts" in attrs else r.data
            self.objects[key] = data, str(int(have) + 1)
        elif r.op == "blob.delete":
            self.objects.pop(key, None)
            return testing.Double()
        if key not in self.objects:
            return testing.Double("none", code="not_found")
        data = b""
        if r.op == "blob.get":
            first, last = attrs["range"].split("-")
            data = self.objects[key][0][int(first) : int(last) + 1]
        return testing.Double(data, attributes=self.info(key))


class Blob(unittest.TestCase):
    def setUp(self) -> None:
        _handlers.actor.__init__()  # type: ignore[misc]
        self.bucket = Bucket()

    def run_in_actor(self, handler: Any) -> None:
        grow.on("ask")(handler)
        result = testing.Host(double=self.bucket).send("ask")
        self.assertEqual((result.outcome, result.text), ("handled", ""))

    def test_small(self) -> None:
        def handler(ctx: grow.Context) -> None:
            photos = ctx.blob("photos")
            self.assertIsNone(photos.stat("a"))
            written = photos.write("a", "one", if_revision="0")
            self.assertEqual((written.size, written.revision), (3, "1"))
            self.assertEqual(photos.stat("a"), written)
            self.assertEqual(photos.read("a"), b"one")
            with self.assertRaisesRegex(grow.CallError, "conflict: another"):
                photos.write("a", b"two", if_revision="0")
            with self.assertRaisesRegex(grow.CallError, "not_found"):
                photos.read("none")
            with self.assertRaisesRegex(grow.CallError, "not_found"):
                photos.open("none")
            with self.assertRaises(TypeError):
                photos.write("a", 1)  # type: ignore[arg-type]
            with self.assertRaises(ValueError):
                photos.open("a", "r+")
            for key in "bcd":
                photos.write(key, b"")
            self.assertEqual([(o.key, o.damaged) for o in photos.list()], [("a", False), ("b", False), ("c", False), ("d", True)])
            photos.delete("a", if_revision="1")
            self.assertEqual([o.key for o in photos.list("a")], [])

        self.run_in_actor(handler)

    def test_large(self) -> None:
        data = bytes(range(256)) * (2 * _blob.PIECE // 256) + b"end"

        def handler(ctx: grow.Context) -> None:
            photos = ctx.blob("photos")
            self.assertEqual(photos.write("a", data).size, len(data))
            self.assertEqual(photos.read("a"), data)

        self.run_in_actor(handler)
        self.assertEqual(
            self.bucket.asked[:4],
            ["blob.put key=a part=1", "blob.put key=a part=2 upload=u1", "blob.put key=a part=3 upload=u1", "blob.put key=a parts=3 upload=u1"],
        )

    def test_file(self) -> None:
        def handler(ctx: grow.Context) -> None:
            photos = ctx.blob("photos")
            with photos.open("a", "wb") as f:
                for n in range(3):
                    f.write(bytes([n]) * (_blob.PIECE // 2 + 1))
                self.assertIsNone(photos.stat("a"))
            self.assertEqual(f.info, photos.stat("a"))
            with photos.open("a") as f:
                self.assertEqual(f.read(2), b"\0\0")
                f.seek(-1, 2)
                self.assertEqual((f.read(), f.read()), (b"\2", b""))
                f.seek(0)
                asked = len(self.bucket.asked)
                self.assertEqual(len(f.read()), 3 * (_blob.PIECE // 2 + 1))
                self.assertEqual(len(self.bucket.asked) - asked, 2)
            with self.assertRaises(KeyError), photos.open("b", "wb") as f:
                f.write(b"x")
                raise KeyError
            self.assertIsNone(photos.stat("b"))
            reader = photos.open("a")
            photos.write("a", b"another")
            with self.assertRaisesRegex(grow.CallError, "conflict"):
                reader.read(1)

        self.run_in_actor(handler)

    def test_async(self) -> None:
        async def handler(ctx: grow.AsyncContext) -> None:
            photos = ctx.blob("photos")
            self.assertIsNone(await photos.stat("a"))
            data = b"x" * (_blob.PIECE + 1)
            self.assertEqual((await photos.write("a", data)).size, len(data))
            self.assertEqual(await photos.read("a"), data)
            self.assertEqual([o.key for o in await photos.list()], ["a"])
            await photos.delete("a")
            self.assertIsNone(await photos.stat("a"))

        self.run_in_actor(handler)


if __name__ == "__main__":
    unittest.main()
