"""Records: the journal (hash chain, signed), sealing, the outbox and central's watermark."""
