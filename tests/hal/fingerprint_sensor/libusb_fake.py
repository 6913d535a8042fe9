"""A libusb in Python, as far as the transport uses it: transfers are answered, kept waiting or refused."""

import ctypes
import threading

from hal.fingerprint_sensor.usb_transfer import CANCELLED, CONTROL, TransferStruct


class FakeLibusb:
    """libusb's asynchronous calls; `answer` says what becomes of a transfer: None leaves it outstanding."""

    def __init__(self):
        self.log = []
        self.outstanding = {}
        self.answers = {}
        self.submit_code = {}
        self.freed = 0
        self.ignores_cancel = False
        self.due = []
        self.lock = threading.Condition()
        self.kept = []

    def libusb_alloc_transfer(self, iso_packets):
        self.kept.append(TransferStruct())
        return ctypes.pointer(self.kept[-1])

    def libusb_free_transfer(self, transfer):
        self.freed += 1

    def libusb_submit_transfer(self, transfer):
        inside = transfer.contents
        content = ctypes.string_at(inside.buffer, inside.length)
        self.log.append((inside.type, inside.endpoint, content if inside.type == CONTROL else inside.length))
        if code := self.submit_code.get(inside.type, 0):
            return code
        with self.lock:
            answer = self.answers.get(inside.type, [])
            if answer:
                self.due.append((transfer, *answer.pop(0)))
            else:
                self.outstanding[inside.type] = transfer
            self.lock.notify_all()
        return 0

    def libusb_cancel_transfer(self, transfer):
        if not self.ignores_cancel:
            self.complete(transfer.contents.type, CANCELLED, b"")
        return 0

    def complete(self, kind, status, data):
        with self.lock:
            transfer = self.outstanding.pop(kind, None)
            if transfer is not None:
                self.due.append((transfer, status, data))
                self.lock.notify_all()

    def libusb_handle_events_timeout_completed(self, context, wait, done):
        with self.lock:
            if not self.due:
                self.lock.wait(0.02)
            due, self.due = self.due, []
        for transfer, status, data in due:
            inside = transfer.contents
            start = 8 if inside.type == CONTROL else 0
            ctypes.memmove(inside.buffer + start, data, min(len(data), inside.length - start))
            inside.status, inside.actual_length = status, len(data)
            inside.callback(transfer)
        return 0
