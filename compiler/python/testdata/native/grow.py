"""As much of the SDK as the checker needs, over pipes: for tests where the runtime is not built."""

import json
import struct
import sys

handlers = {}


class Message:
    def __init__(self, attributes, data):
        self.attributes, self.data = attributes, data


class Output:
    def __init__(self, type, data):
        self.type, self.data = type, data


def on(*names):
    def register(f):
        for name in names:
            handlers[name] = f
        return f

    return register


def decode(frame):
    at = 4
    (n,) = struct.unpack_from("<H", frame, at)
    at += 2
    attributes = {}
    for _ in range(n):
        (k,) = struct.unpack_from("<H", frame, at)
        name = frame[at + 2 : at + 2 + k].decode()
        at += 2 + k
        (k,) = struct.unpack_from("<I", frame, at)
        attributes[name] = frame[at + 4 : at + 4 + k].decode()
        at += 4 + k
    (k,) = struct.unpack_from("<I", frame, at)
    return Message(attributes, frame[at + 4 : at + 4 + k])


def encode(out):
    b = struct.pack("<IH", 1, 1) + struct.pack("<H", 4) + b"type" + struct.pack("<I", len(out.type)) + out.type.encode()
    data = json.dumps(out.data).encode()
    return b + struct.pack("<I", len(data)) + data


def serve():
    pipe_in, pipe_out = sys.stdin.buffer, sys.stdout.buffer
    while head := pipe_in.read(4):
        m = decode(pipe_in.read(struct.unpack("<I", head)[0]))
        f = handlers[m.attributes["type"]]
        answer = encode(f(None, m if f.__annotations__ else json.loads(m.data)))
        pipe_out.write(struct.pack("<I", len(answer)) + answer)
        pipe_out.flush()


if __name__ == "__main__":
    sys.modules["grow"] = sys.modules["__main__"]
    sys.path.insert(0, sys.argv[1])
    import main

    serve()
