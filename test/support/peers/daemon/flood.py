# Floods a daemon that speaks JSON-RPC in lines, in one way, for as long as it is let live: flood.py NAME WAY
import array, json, os, socket, sys

name = "\0" + sys.argv[1]
way = sys.argv[2]


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    try:
        s.connect(name)
        return s
    except OSError:
        # The backlog is full: the next round tries again.
        s.close()
        return None


def send(s, data, ancillary=()):
    try:
        s.sendmsg([data], ancillary)
        return True
    except BlockingIOError:
        return True
    except OSError:
        return False


def call(number, method):
    return (json.dumps({"jsonrpc": "2.0", "id": number, "method": method}) + "\n").encode()


fds = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(8)])
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
most = 400 if way == "connections" else 8
held = []
number = 0
print("flooding", flush=True)
while True:
    s = connect() if len(held) < most else held.pop(0)
    if s is None:
        s = held.pop(0) if held else connect()
    if s is None:
        continue
    number += 1
    if way == "connections":
        lives = send(s, b"\n")
    elif way == "firstMessageTimeout":
        lives = send(s, b"x")
    elif way == "descriptors":
        lives = send(s, b"take\n", rights)
    else:
        method = {"callsInFlight": "wait", "queuedBytes": "blob", "messagesPerSecond": "nothing"}[way]
        lives = send(s, call(number, method))
    if lives:
        held.append(s)
    else:
        s.close()
