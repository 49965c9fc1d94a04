# Swaps what is at a path, and at that of its lock, as fast as it can: SHARED-PATH VICTIM-FOLDER. Says when there were many swaps.
# Ends with its standard input.
import os, random, select, shutil, socket, sys

path, victims = sys.argv[1:]


def remove(name):
    try:
        os.unlink(name)
    except IsADirectoryError:
        shutil.rmtree(name, ignore_errors=True)
    except OSError:
        pass


def put_socket(name):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(name)


kinds = [
    lambda name: os.symlink(victims + "/file", name),
    lambda name: os.symlink(victims + "/stale.sock", name),
    lambda name: os.symlink(victims + "/new", name),
    lambda name: os.symlink(victims, name),
    lambda name: os.mkdir(name),
    lambda name: open(name, "w").close(),
    lambda name: os.link(path + ".spare", name),
    os.mkfifo,
    put_socket,
    lambda name: None,
    lambda name: None,
]
open(path + ".spare", "w").close()
print("swapping", flush=True)
swaps = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(20):
        remove(path)
        try:
            random.choice(kinds)(path)
        except OSError:
            pass  # the other side was faster
        swaps += 1
    if swaps == 1000:
        print("many", flush=True)
    # Seldom and shortly: while a file of this user is there, listen() fails at once.
    remove(path + ".lock")
    try:
        random.choice(kinds)(path + ".lock")
    except OSError:
        pass
    remove(path + ".lock")
