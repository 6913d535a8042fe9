"""Serial ports that misbehave, for what no module on a pty can show."""

import time

import serial


class Stuck:
    """A port that takes nothing, or is torn out when it is closed."""

    baudrate, in_waiting = 57600, 0

    def read(self, size=1):
        time.sleep(0.01)
        return b""

    def reset_input_buffer(self):
        pass

    def write(self, data):
        raise serial.SerialTimeoutException("stuck")

    def close(self):
        raise OSError("torn out")


class Babble(Stuck):
    """A line that is never silent: after each command, the bytes that it was given, again and again."""

    def __init__(self, data, *, baud=57600):
        self.data, self.baudrate = data, baud

    @property
    def in_waiting(self):
        return 1

    def read(self, size=1):
        time.sleep(0.01)
        return self.data

    def write(self, data):
        return len(data)


class Scripted(Stuck):
    """Answers every command with the next of these bytes, then with nothing."""

    def __init__(self, *answers):
        self.answers, self.now = list(answers), b""

    def write(self, data):
        self.now = self.answers.pop(0) if self.answers else b""

    def read(self, size=1):
        now, self.now = self.now, b""
        return now
