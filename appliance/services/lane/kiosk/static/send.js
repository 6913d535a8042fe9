// From a page to the box: one message as JSON, with the header that a form of another page cannot send.

/** The box's answer, whatever it is. Rejects when there is none within `patience` milliseconds. */
export function deliver(path, message, patience) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Borne-Kiosk": "1" },
    body: JSON.stringify(message),
    signal: AbortSignal.timeout(patience),
  });
}

/** What the box says to it. Rejects as `deliver` does, and when the box does not take such a message at all. */
export async function send(path, message, patience) {
  const response = await deliver(path, message, patience);
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
}
