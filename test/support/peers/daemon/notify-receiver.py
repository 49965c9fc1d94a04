# Binds the datagram socket ADDRESS ("@name": abstract) as a service manager does, and prints each notification as a line of JSON: its text, the pid and uid that the kernel
# tells (SCM_CREDENTIALS), and what its descriptors are. Those that come with BARRIER=1 are closed when the test says so by a line.
import array, json, os, socket, struct, sys

address = sys.argv[1]
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
server.bind("\0" + address[1:] if address.startswith("@") else address)
print("bound", flush=True)
while True:
    data, control, flags, _ = server.recvmsg(65536, 65536)
    pid = uid = None
    files = []
    for level, kind, payload in control:
        if kind == socket.SCM_CREDENTIALS:
            pid, uid, _ = struct.unpack("3i", payload)
        elif kind == socket.SCM_RIGHTS:
            fds = array.array("i")
            fds.frombytes(payload[: len(payload) // 4 * 4])
            for fd in fds:
                files.append(os.readlink(f"/proc/self/fd/{fd}"))
                if data == b"BARRIER=1":
                    print("barrier", flush=True)
                    sys.stdin.readline()
                os.close(fd)
    print(json.dumps({"text": data.decode(), "pid": pid, "uid": uid, "files": files}), flush=True)
