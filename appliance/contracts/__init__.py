"""The house's one vocabulary: the messages between services, and one client a socket."""
