/** Whether the window shows pictures as the study intends; otherwise a sentence that says what to do. */

/**
 * @param {number} size side of a picture in CSS pixels; 0 if it has none of its own
 * @param {string} protocol
 * @returns {string} empty if all is well
 */
function hintOnWindow(size, protocol) {
  const wide = window.innerWidth;
  const high = window.innerHeight;
  if (isZoomed()) {
    return "This page seems to be zoomed. At 100% (Ctrl and 0) the pictures have the intended size.";
  }
  if (size === 0) return "";
  if (protocol === "questionnaire") {
    // Two by two on a phone, they are meant to be smaller.
    return wide < 1.5 * size ? "This window is small for the pictures. Please make it wider if you can." : "";
  }
  const margin = 32;
  const besides = wide >= 2 * size + 2 * margin && high >= size + 4 * margin;
  const above = wide >= size + margin && high >= 2 * size + 4 * margin;
  if (besides || above) return "";
  return `Two pictures of ${size} pixels do not fit in this window. Please make it larger if you can.`;
}

/** Zoomed by pinching, or on a computer by the browser's own zoom, which makes its pixels larger than the window's. */
function isZoomed() {
  if ((window.visualViewport?.scale ?? 1) > 1.02) return true;
  const isComputer = window.matchMedia("(hover: hover) and (pointer: fine)").matches;
  const ratio = window.outerWidth / window.innerWidth;
  return isComputer && window.outerWidth > 0 && (ratio > 1.15 || ratio < 0.87);
}

/** Show or hide the page's hint. */
export function showHint(size, protocol) {
  const hint = document.getElementById("hint");
  hint.textContent = hintOnWindow(size, protocol);
  hint.hidden = hint.textContent === "";
}
