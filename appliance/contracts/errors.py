"""The one error that crosses a socket: a code for callers, a sentence for people."""


class ServiceError(Exception):
    """What a service could not do.

    `code` is what callers branch on; `retry` says that a person can mend it by trying again.
    The sentence never holds a traveller's data, because it may be logged.
    """

    def __init__(self, code: str, sentence: str, *, retry: bool = False) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.retry = retry
