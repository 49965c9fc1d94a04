# Another user who does one thing to the daemon of full-daemon.ts without a pause, for as long as it is let live: FOLDER WAY
import array, json, os, socket, sys

folder, way = sys.argv[1:]
call = lambda method, value: (json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"text": value}}) + "\n").encode()
name, payload = {
    # They say nothing, and those that are too many come again at once.
    "connections": ("control", b""),
    "rings": ("ring", b""),
    "metrics": ("metrics", b""),
    # A first message that never ends; and one that never ends after a good one.
    "first message": ("control", b'{"jsonrpc":'),
    "half a message": ("control", call("echo", "x") + b'{"jsonrpc":' + b" " * 100_000),
    # Calls, calls that last, calls that are not allowed, names that are long to judge, and answers that nobody reads.
    "calls": ("control", call("echo", "x") * 100),
    "long calls": ("control", call("wait", "x") * 100),
    "denied calls": ("control", call("secret", "x") * 100),
    "long names": ("control", call("a." * 8192, "x") * 10),
    "answers": ("control", call("echo", "x" * 60_000)),
    "subscriptions": ("news", b"\0" * 4096),
    "descriptors": ("files", b"take\n"),
}[way]
fds = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(8)])
ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if way == "descriptors" else []
ongoing = way in ("calls", "long calls", "denied calls", "long names", "answers", "descriptors")
held = []


def send(peer):
    try:
        if payload:
            peer.sendmsg([payload], ancillary)
        return True
    except BlockingIOError:
        return True  # it is full, and stays open
    except OSError:
        return False


print("flooding", flush=True)
while True:
    peer = socket.socket(socket.AF_UNIX)
    peer.setblocking(False)
    try:
        peer.connect(f"{folder}/{name}.sock")
        if send(peer):
            held.append(peer)
    except OSError:
        peer.close()
    if ongoing:
        held = [each for each in held if send(each)]
    # The first ones stay, for as long as the daemon lets them.
    while len(held) > 64:
        held.pop(8).close()
