/** Requests to the study's server, repeated for as long as it does not respond. */

const LONGEST_WAIT_MS = 8000;
const TOO_SLOW_MS = 20000;
const AWAY = new Set([408, 429, 500, 502, 503, 504]);

/** The server answered, and refused the request. */
export class Refused extends Error {
  constructor(status, content) {
    super(content.error ?? `the server answered ${status}`);
    this.status = status;
    this.content = content;
  }
}

/**
 * Send a request until there is an answer.
 *
 * Every request here may be repeated: a vote that arrives twice counts once.
 *
 * @param {string} path
 * @param {object | null} body sent as JSON; null: a GET request
 * @param {(away: boolean) => void} trouble called with true when the server is away, with false when it is back
 * @returns {Promise<Response>} of a status in the 200s
 * @throws {Refused}
 */
export async function ask(path, body, trouble) {
  for (let attempt = 0; ; attempt += 1) {
    const response = await attemptOnce(path, body);
    if (response !== null && !AWAY.has(response.status)) {
      if (attempt > 0) trouble(false);
      if (response.ok) return response;
      throw new Refused(response.status, await response.json().catch(() => ({})));
    }
    trouble(true);
    await wait(Math.min(LONGEST_WAIT_MS, 400 * 2 ** attempt) * (0.75 + Math.random() / 2));
  }
}

async function attemptOnce(path, body) {
  const asking = { signal: AbortSignal.timeout(TOO_SLOW_MS), cache: "no-store" };
  if (body !== null) {
    Object.assign(asking, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      keepalive: true, // it arrives even if the page is closed immediately
    });
  }
  try {
    return await fetch(path, asking);
  } catch {
    return null;
  }
}

/** Wait, but no longer than until the connection is back. */
function wait(milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
    function done() {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    }
  });
}
