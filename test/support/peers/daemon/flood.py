# Floods a daemon that speaks JSON-RPC in lines, in one way, and never reads, for as long as both live: flood.py NAME WAY
import array, os, socket, sys

name = "\0" + sys.argv[1]
way = sys.argv[2]


def request(method, params, **more):
    parts = ['"%s":%s' % pair for pair in more.items()]
    parts += ['"jsonrpc":"2.0"', '"method":"%s"' % method, '"params":%s' % params]
    return ("{%s}\n" % ",".join(parts)).encode()


# What is sent on each connection, again and again.
messages = {
    "connections": b"\n",
    "firstMessageTimeout": b"x",
    "descriptors": b"take\n",
    "callsInFlight": b"".join(request("wait", "[]", id=n) for n in range(50)),
    "messagesPerSecond": 50 * request("echo", '{"text":"flood"}'),
    "queuedBytes": b"".join(request("much", "[]", id=n) for n in range(50)),
    "junk": 50 * b"{}\n",
}


class Connection:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        self.rest = b""

    def connect(self):
        try:
            self.socket.connect(name)
            return True
        except ConnectionRefusedError:
            sys.exit("nobody listens any more")
        except OSError:
            # The backlog is full: the next round tries again.
            self.socket.close()
            return False

    # Goes on where the last round has stopped, so that what arrives are whole lines. False: it was cut off.
    def send(self):
        try:
            self.rest = self.rest or messages[way]
            self.rest = self.rest[self.socket.sendmsg([self.rest], ancillary) :]
            return True
        except BlockingIOError:
            return True
        except OSError:
            self.socket.close()
            return False


ancillary = []
if way == "descriptors":
    fds = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(8)])
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
most = 400 if way == "connections" else 8
held = []
print("flooding", flush=True)
while True:
    if len(held) < most:
        connection = Connection()
        if connection.connect():
            held.append(connection)
    held = [connection for connection in held if connection.send()]
