# Floods a daemon that speaks JSON-RPC in lines, in one way, for as long as it is let live: flood.py NAME WAY
import array, os, socket, sys

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


fds = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(8)])
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
most = 400 if way == "connections" else 8
held = []
print("flooding", flush=True)
while True:
    s = connect() if len(held) < most else held.pop(0)
    if s is None:
        s = held.pop(0) if held else connect()
    if s is None:
        continue
    if way == "connections":
        lives = send(s, b"\n")
    elif way == "firstMessageTimeout":
        lives = send(s, b"x")
    else:
        lives = send(s, b"take\n", rights)
    if lives:
        held.append(s)
    else:
        s.close()
