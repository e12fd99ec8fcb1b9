/** Requests to the study's server that do not give up while it is away. */

const LONGEST_WAIT_MS = 8000;
const TOO_SLOW_MS = 20000;
const AWAY = new Set([408, 429, 500, 502, 503, 504]);

/** The server answered, and will not do what was asked. */
export class Refused extends Error {
  constructor(status, content) {
    super(content.error ?? `the server answered ${status}`);
    this.status = status;
    this.content = content;
  }
}

/**
 * Ask until there is an answer.
 *
 * Everything that is asked here may be asked again: a vote that arrived twice counts once.
 *
 * @param {string} path
 * @param {object | null} body sent as JSON; null asks with GET
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
      keepalive: true, // arrives even if the page is closed at once
    });
  }
  try {
    return await fetch(path, asking);
  } catch {
    return null;
  }
}

/** Wait, but not longer than the connection is gone. */
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
