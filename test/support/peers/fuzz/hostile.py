"""Does to listeners what no honest peer does: `hostile.py SEED SECONDS FOLDER PORTS`, PORTS being JSON. Tells what it has done in a line of JSON."""
import array, json, os, random, socket, struct, sys, time

seed, seconds, folder, ports = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
rnd = random.Random(seed)
STREAM, SEQPACKET, DGRAM = socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM


def record(kind, form, number, name=b"", body=b""):
    return struct.pack("<IBBBBI", 12 + len(name) + len(body), kind, form, len(name), 0, number) + name + body


def packed(body):
    return struct.pack("<I", len(body)) + body


def header(body):
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


HELLO = record(83, 2, 1, b"", b"sluice-rpc")
CALLS = [record(1, 1, 1, b"add", b'{"a":1,"b":2}'), record(1, 0x80, 2, b"sum"), record(4, 1, 2, b"", b"4"), record(5, 0, 2),
         record(1, 1, 3, b"count", b"50"), record(7, 2, 3, b"", struct.pack("<II", 9, 999)), record(3, 0, 3), record(2, 1, 0, b"echo", b"1")]
JSON_CALLS = [b'{"jsonrpc":"2.0","id":1,"method":"add","params":{"a":1,"b":2}}', b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}',
              b'[{"jsonrpc":"2.0","id":"x","method":"echo"},{}]']
# A rustle of TLS: a client hello that goes no further.
TLS = bytes.fromhex("16030100310100002d0303") + bytes(32) + bytes.fromhex("000002002f0100")
# name, type, samples. Whoever is given "ready" hands its sockets over, which here would end the service: that is another test's.
TARGETS = [
    ("stream", STREAM, [packed(b"hello"), packed(b"")]), ("lines", STREAM, [b'{"a":1}\n', b"[]\r\n"]),
    ("seqpacket", SEQPACKET, [b"hello", b""]), ("plain", SEQPACKET, [b"hello", b""]), ("dgram", DGRAM, [b"hello", b""]),
    ("ring", STREAM, [b"\x01" * 8]), ("rpc", STREAM, [packed(HELLO)] + [packed(HELLO + call) for call in CALLS]),
    ("json-rpc", STREAM, [header(call) for call in JSON_CALLS]), ("metrics", STREAM, [b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /health HTTP/1.0\r\n\r\n"]),
    ("hand-over", SEQPACKET, [b'{"take":1}', b'{"take":2}', b'{"refused":"x"}', b"null", b"[]", b'{"take":{}}', b"5"]),
    ("tcp", STREAM, [packed(b"hello")]), ("tls", STREAM, [TLS]), ("udp", DGRAM, [b"hello", b""]),
]


def change(sample):
    data = bytearray(sample)
    for _ in range(rnd.randrange(1, 5)):
        at = rnd.randrange(len(data) + 1)
        way = rnd.randrange(5)
        if way == 0: data[at:at] = rnd.randbytes(rnd.randrange(1, 9))
        elif way == 1: del data[at:at + rnd.randrange(1, 9)]
        elif way == 2: data[at:at + 4] = rnd.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"])
        elif way == 3 and data: data[at % len(data)] ^= 1 << rnd.randrange(8)
        else: data[at:at] = data[:at]
    return bytes(data[:30000])


def act(sock, samples, count):
    way = rnd.randrange(13)
    count[way] = count.get(way, 0) + 1
    sample = rnd.choice(samples)
    if way < 2: sock.send(rnd.randbytes(rnd.choice([1, 3, 17, 4096, 19000, 60000])))
    elif way < 5: sock.send(change(sample))
    elif way == 5:
        for byte in sample[:40]: sock.send(bytes([byte]))
    elif way == 6: sock.shutdown(rnd.choice([socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR]))
    elif way == 7: sock.recv(65536)
    elif way == 8 and sock.family == socket.AF_UNIX:
        # Its own end of the connection too, which then lives on where it arrives. Not with half a message: the receiver holds what belongs to
        # it until the rest comes, and so keeps alive the very end by whose death it would learn that nothing comes (see docs/reliability.md).
        own = null if sock.type == STREAM else sock.fileno()
        handles = array.array("i", [rnd.choice([0, null, own]) for _ in range(rnd.choice([1, 3, 5, 100, 253]))])
        sock.sendmsg([rnd.choice([sample, b"x", b""])], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])
    elif way == 9: sock.send(sample * 20)
    elif way == 10: sock.send(sample)
    elif way == 11 and sock.type == SEQPACKET: sock.send(b"")
    else: sock.send(sample[:rnd.randrange(len(sample) + 1)])


null = os.open("/dev/null", os.O_RDONLY)
held, done, connected, refused = [], {}, 0, 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    name, kind, samples = rnd.choice(TARGETS)
    if name in ports:
        sock, address = socket.socket(socket.AF_INET, kind), ("127.0.0.1", ports[name])
    else:
        sock, address = socket.socket(socket.AF_UNIX, kind), f"{folder}/{name}"
        if kind == DGRAM and rnd.randrange(2): sock.bind("\0sluice-hostile-%d-%d" % (os.getpid(), connected))
    try:
        sock.settimeout(1)
        sock.connect(address)
        connected += 1
        sock.settimeout(0.01)
        for _ in range(rnd.randrange(1, 9)): act(sock, samples, done)
    except OSError:
        refused += 1
    if name in ports and kind == STREAM and rnd.randrange(2):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    held.append(sock)
    while len(held) > rnd.randrange(12): held.pop(rnd.randrange(len(held))).close()
print(json.dumps({"connections": connected, "acts": sum(done.values()), "cutOff": refused}), flush=True)
