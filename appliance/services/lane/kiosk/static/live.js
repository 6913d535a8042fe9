// What the box says, as it says it; and word at once when it may no longer be true.

const SILENCE_MS = 10_000; // the box beats every 4 seconds: two beats may be late
const RECONNECT_MS = 1000;

// Calls `show` with each `event` of the stream at `address`, and `lose` when the stream breaks or falls silent.
export function follow(address, event, show, lose) {
  let source = null;
  let silence = 0;

  function listen() {
    source?.close();
    source = new EventSource(address);
    source.addEventListener(event, (told) => {
      expect();
      show(JSON.parse(told.data));
    });
    source.onerror = () => {
      lose();
      // The browser tries again by itself, except after an answer that was no stream.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, RECONNECT_MS);
    };
    expect();
  }

  function expect() {
    clearTimeout(silence);
    silence = setTimeout(() => {
      lose();
      listen();
    }, SILENCE_MS);
  }

  listen();
}
