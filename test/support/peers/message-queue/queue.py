"""Echoes messages between two POSIX queues, through librt: NAME_IN NAME_OUT COUNT. The priority goes back one higher."""
import ctypes
import os
import sys

librt = ctypes.CDLL("librt.so.1", use_errno=True)
librt.mq_receive.restype = ctypes.c_ssize_t
librt.mq_send.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint]
librt.mq_receive.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint)]


def opened(name, flags):
    queue = librt.mq_open(name.encode(), flags)
    if queue < 0:
        raise OSError(ctypes.get_errno(), "mq_open", name)
    return queue


source, target = opened(sys.argv[1], os.O_RDONLY), opened(sys.argv[2], os.O_WRONLY)
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    buffer, priority = ctypes.create_string_buffer(8192), ctypes.c_uint()
    length = librt.mq_receive(source, buffer, 8192, ctypes.byref(priority))
    if length < 0 or librt.mq_send(target, buffer.raw[:length].upper(), length, priority.value + 1) != 0:
        raise OSError(ctypes.get_errno(), "echo")
