/**
 * Pictures on the screen for a set time, and how long they actually were there.
 *
 * Pictures are decoded before they are due. They are shown and hidden inside callbacks of requestAnimationFrame,
 * so both happen with a frame of the screen, and the time between those two frames is what is reported.
 */

const USUAL_FRAME_MS = 1000 / 60;

/** What went wrong while pictures were due: the longest time between two frames, and whether the page was hidden. */
export class Watch {
  constructor() {
    this.longestGap = 0;
    this.hidden = document.hidden;
    this._look = () => {
      this.hidden ||= document.hidden;
    };
    document.addEventListener("visibilitychange", this._look);
  }

  stop() {
    document.removeEventListener("visibilitychange", this._look);
  }
}

/**
 * Show pictures one after the other, each for the same time.
 *
 * @param {HTMLImageElement[]} pictures decoded; shown while they have the class "shown"
 * @param {{exposure_ms: number, pause_ms: number}} timing
 * @param {(slot: number) => void} announce called before the pause that goes before each picture
 * @returns {Promise<{shown: number[], longestGap: number, hidden: boolean, ended: number}>} times in milliseconds
 */
export async function displayInTurn(pictures, timing, announce) {
  const watch = new Watch();
  const shown = [];
  try {
    for (const [slot, picture] of pictures.entries()) {
      announce(slot);
      // The browser may have discarded a decoded picture; decoding again costs nothing if it has not.
      const [frame] = await Promise.all([pause(timing.pause_ms), picture.decode()]);
      shown.push(await show(picture, timing.exposure_ms, frame, watch));
    }
    return { shown, longestGap: watch.longestGap, hidden: watch.hidden, ended: performance.now() };
  } finally {
    watch.stop();
  }
}

/** Let at least this much time pass; resolves to the length of a frame of this screen. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const begun = performance.now();
    let last = begun;
    let frame = Infinity;
    requestAnimationFrame(function tick() {
      const now = performance.now();
      if (now - last > 4) frame = Math.min(frame, now - last); // the first comes at any time
      last = now;
      if (now - begun >= milliseconds) resolve(Math.min(frame, 2 * USUAL_FRAME_MS));
      else requestAnimationFrame(tick);
    });
  });
}

/** Show a picture; resolves to the time from the frame that showed it to the frame that hid it. */
function show(picture, exposure, frame, watch) {
  return new Promise((resolve) => {
    let shownAt = null;
    let last = null;
    requestAnimationFrame(function tick() {
      const now = performance.now();
      if (shownAt === null) {
        picture.classList.add("shown");
        shownAt = now;
      } else {
        watch.longestGap = Math.max(watch.longestGap, now - last);
        // Hide it with the frame that is nearest to the time, before or after it.
        if (now - shownAt >= exposure - frame / 2) {
          picture.classList.remove("shown");
          resolve(now - shownAt);
          return;
        }
      }
      last = now;
      requestAnimationFrame(tick);
    });
  });
}
