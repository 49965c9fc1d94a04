# Another user who wants nobody to be served: connects without a pause, sends nothing, and keeps what is not closed. PATH [seqpacket]. Ends with its standard input.
import select, socket, sys

path = sys.argv[1]
kind = socket.SOCK_SEQPACKET if "seqpacket" in sys.argv else socket.SOCK_STREAM
held = []
attempts = 0
print("flooding", flush=True)
while attempts % 64 or not select.select([sys.stdin], [], [], 0)[0]:
    attempts += 1
    peer = socket.socket(socket.AF_UNIX, kind)
    peer.setblocking(False)
    try:
        peer.connect(path)
        held.append(peer)
    except OSError:
        peer.close()
    if len(held) > 500:
        held.pop(0).close()
print(attempts)
