"""umockdev's pretended /sys and /dev, and the kernel's events; only under `umockdev-wrapper`."""

import ctypes
import functools


class Testbed:
    """umockdev's, through its C interface."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libumockdev.so.0")
        for name, arguments in {
            "add_from_string": 2,
            "uevent": 2,
            "remove_device": 1,
            "set_attribute": 3,
        }.items():
            function = getattr(self._lib, f"umockdev_testbed_{name}")
            function.argtypes = [ctypes.c_void_p] + [ctypes.c_char_p] * arguments
        self._lib.umockdev_testbed_new.restype = ctypes.c_void_p
        self._lib.umockdev_testbed_get_root_dir.restype = ctypes.c_char_p
        self._lib.umockdev_testbed_get_root_dir.argtypes = [ctypes.c_void_p]
        self._bed = self._lib.umockdev_testbed_new()
        self.root = self._lib.umockdev_testbed_get_root_dir(self._bed).decode()

    def add(self, text: str) -> None:
        assert self._lib.umockdev_testbed_add_from_string(self._bed, text.encode(), None)

    def event(self, path: str, action: str) -> None:
        self._lib.umockdev_testbed_uevent(self._bed, f"/sys{path}".encode(), action.encode())

    def remove(self, path: str) -> None:
        self._lib.umockdev_testbed_remove_device(self._bed, f"/sys{path}".encode())

    def attribute(self, path: str, name: str, value: str) -> None:
        self._lib.umockdev_testbed_set_attribute(
            self._bed, f"/sys{path}".encode(), name.encode(), f"{value}\n".encode()
        )


@functools.cache
def testbed() -> Testbed:
    """This process' one: umockdev keeps its sockets until the end."""
    return Testbed()
