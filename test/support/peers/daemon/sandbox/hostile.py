# What a taken-over interpreter would try. Prints "NAME ERRNO" for each attempt.
import ctypes, errno, json, os, signal, socket, sys

targets = json.loads(sys.argv[1])


def attempt(name, work):
    try:
        work()
        outcome = "worked"
    except OSError as error:
        outcome = errno.errorcode[error.errno]
    print(name, outcome, flush=True)


def connect(family, address):
    with socket.socket(family) as peer:
        peer.connect(address)


def bomb():
    children = []
    try:
        while True:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


attempt("passwd", lambda: open("/etc/passwd"))
attempt("secret", lambda: open(targets["secret"]))
attempt("list", lambda: os.listdir(os.path.dirname(targets["secret"])))
attempt("root-of-1", lambda: os.listdir("/proc/1/root"))
attempt("tcp", lambda: connect(socket.AF_INET, ("127.0.0.1", targets["port"])))
attempt("abstract", lambda: connect(socket.AF_UNIX, targets["abstract"]))
attempt("path", lambda: connect(socket.AF_UNIX, targets["path"]))
attempt("kill", lambda: os.kill(targets["pid"], signal.SIGKILL))
attempt("bomb", bomb)
try:
    bytearray(2 * 1024**3)
    print("memory worked")
except MemoryError:
    print("memory ENOMEM")
print("processes", " ".join(sorted(entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) > 3)))
print("descriptors", " ".join(sorted(os.listdir("/proc/self/fd"))))
print("done")
